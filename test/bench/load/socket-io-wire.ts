/** Lane e: socket.io's own client. */
import { io, type Socket } from 'socket.io-client';

import type { Done, Frame, Wire, WireSettings } from './wire.js';

const TIMEOUT_MS = 10_000;

export class SocketIoWire implements Wire {
  /** Its transport hides the socket; the server is the same as in lanes a and c. */
  readonly cipher = '';
  readonly #sockets: readonly Socket[];
  #next = 0;

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
  }

  static async open({ port, ca, connections }: WireSettings): Promise<SocketIoWire> {
    const dial = (): Promise<Socket> =>
      new Promise((resolve) => {
        const socket = io(`wss://localhost:${port}`, { transports: ['websocket'], forceNew: true, ca });
        socket.once('connect', () => resolve(socket));
      });
    return new SocketIoWire(await Promise.all(Array.from({ length: connections }, dial)));
  }

  render(ref: string, door: string, jwe: string): Frame {
    return { ref, door, text: jwe };
  }

  send(frame: Frame, done: Done): void {
    this.#next = (this.#next + 1) % this.#sockets.length;
    this.#sockets[this.#next]
      ?.timeout(TIMEOUT_MS)
      .emitWithAck('command', frame.door, frame.text)
      .then(
        (result: { readonly status: number }) => done(result.status === 200 ? undefined : String(result.status)),
        () => done('timeout'),
      );
  }

  close(): void {
    for (const socket of this.#sockets) socket.disconnect();
  }
}
