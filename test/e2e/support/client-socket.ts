/** A client socket (protocol 7.7) without the SDK: what goes over the wire, and nothing else. */
import { randomUUID } from 'node:crypto';

import WebSocket from 'ws';

import { CLIENT_SUBPROTOCOL, type ClientEventFrame } from '../../../src/protocol/client-frames.js';
import type { Reachable } from './relay-process.js';

export class ClientSocket {
  readonly frames: ClientEventFrame[] = [];
  readonly closed: Promise<number>;
  readonly #checks = new Set<() => void>();

  constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString('utf8')) as ClientEventFrame);
      for (const check of [...this.#checks]) check();
    });
    socket.once('close', () => {
      for (const check of [...this.#checks]) check();
    });
  }

  /** Connects; rejects with the HTTP status when the upgrade is refused. */
  static open(
    relay: Reachable,
    token: string,
    headers: Record<string, string> = {},
    localAddress?: string,
  ): Promise<ClientSocket> {
    const url = `${relay.url.replace('https:', 'wss:')}/v1/socket`;
    const socket = new WebSocket(url, [CLIENT_SUBPROTOCOL], {
      ca: relay.ca,
      perMessageDeflate: false,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(localAddress !== undefined && { localAddress, family: 4 }),
    });
    const client = new ClientSocket(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.once('unexpected-response', (request, response) => {
        request.destroy();
        reject(new UpgradeRefused(response.statusCode ?? 0));
      });
      socket.once('error', reject);
    });
  }

  send(frame: object | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The first frame, past or future, that `matches`; rejects when the socket closes before it came. */
  frame<T extends ClientEventFrame['t']>(
    t: T,
    matches: (frame: Extract<ClientEventFrame, { t: T }>) => boolean = () => true,
  ): Promise<Extract<ClientEventFrame, { t: T }>> {
    const isIt = (frame: ClientEventFrame): frame is Extract<ClientEventFrame, { t: T }> =>
      frame.t === t && matches(frame as Extract<ClientEventFrame, { t: T }>);
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.frames.find(isIt);
        if (found === undefined && this.socket.readyState < WebSocket.CLOSING) return;
        this.#checks.delete(check);
        if (found === undefined) reject(new Error(`the socket closed before a ${t} frame came`));
        else resolve(found);
      };
      this.#checks.add(check);
      check();
    });
  }

  /** Sends a frame with a reference of its own and waits for the answer to it. */
  async ask(frame: object): Promise<ClientEventFrame> {
    const ref = randomUUID();
    this.send({ ...frame, ref });
    return Promise.race([
      this.frame('result', (answer) => answer.ref === ref),
      this.frame('status', (answer) => answer.ref === ref),
      this.frame('ok', (answer) => answer.ref === ref),
      this.frame('error', (answer) => answer.ref === ref),
    ]);
  }

  close(): void {
    this.socket.terminate();
  }
}

export class UpgradeRefused extends Error {
  constructor(readonly status: number) {
    super(`the upgrade was refused with ${status}`);
  }
}
