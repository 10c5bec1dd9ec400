/** Lanes a and b: frames of protocol 7.7 over a few client sockets. */
import { createSecureContext, type TLSSocket } from 'node:tls';

import { WebSocket, type RawData } from 'ws';

import type { Done, Frame, Wire, WireSettings } from './wire.js';

interface Answer {
  readonly t: string;
  readonly ref?: string;
  readonly id?: string;
  readonly code?: string;
  readonly retryAfterMs?: number;
}

export class WebSocketWire implements Wire {
  readonly cipher: string;
  readonly #sockets: readonly WebSocket[];
  readonly #waiting = new Map<string, Done>();
  #next = 0;

  private constructor(sockets: readonly WebSocket[], cipher: string) {
    this.#sockets = sockets;
    this.cipher = cipher;
    for (const socket of sockets) socket.on('message', (data) => this.#receive(data));
  }

  static async open(settings: WireSettings): Promise<WebSocketWire> {
    const secureContext = createSecureContext({ ca: settings.ca });
    let cipher = '';
    const dial = (): Promise<WebSocket> =>
      new Promise((resolve, reject) => {
        const options = {
          headers: { authorization: `Bearer ${settings.token}` },
          secureContext,
          perMessageDeflate: false,
          family: 4,
        };
        const socket = new WebSocket(`wss://localhost:${settings.port}/v1/socket`, ['openlock.client.v1'], options);
        socket.on('upgrade', (response) => {
          cipher = (response.socket as TLSSocket).getCipher().name;
        });
        socket.once('open', () => resolve(socket));
        socket.on('error', reject);
      });
    const sockets = await Promise.all(Array.from({ length: settings.connections }, dial));
    return new WebSocketWire(sockets, cipher);
  }

  render(ref: string, door: string, jwe: string): Frame {
    return { ref, door, text: `{"t":"command","ref":"${ref}","door":"${door}","jwe":"${jwe}"}` };
  }

  send(frame: Frame, done: Done): void {
    this.#next = (this.#next + 1) % this.#sockets.length;
    this.#waiting.set(frame.ref, done);
    this.#sockets[this.#next]?.send(frame.text);
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #receive(data: RawData): void {
    const answer = JSON.parse((data as Buffer).toString()) as Answer;
    const ref = answer.ref ?? answer.id ?? '';
    const done = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    if (answer.t === 'result') done?.(undefined);
    else done?.(answer.code ?? answer.t, answer.retryAfterMs);
  }
}
