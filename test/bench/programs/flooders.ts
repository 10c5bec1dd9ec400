/** A website without a grant that floods a relay over client sockets (protocol 8.4), from an address of its own on this machine. */
import { connect as connectTcp } from 'node:net';
import { createSecureContext, connect, type SecureContext, type TLSSocket } from 'node:tls';

import { serve } from '../processes/worker.js';

export interface FloodRequest {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
  readonly sockets: number;
}

/** What came of it. */
export interface FloodCount {
  readonly frames: number;
  /** Sockets that were let in; those cut off come again at once. */
  readonly opened: number;
  /** Upgrades and connections that were refused. */
  readonly refused: number;
}

/** Not the honest load's address: both have their own bucket, as in life. */
const ADDRESS = '127.0.0.2';
const FRAME_BYTES = 15 * 1024;
const AGAIN_MS = 20;

/** One text frame of RFC 6455, masked with zeros; nearly all of it escapes, which cost a parser most. */
function escapeHeavyFrame(): Buffer {
  const head = '{"t":"command","ref":"flood","door":"front-door","jwe":"';
  const text = Buffer.from(`${head}${'\\u0041'.repeat(Math.floor((FRAME_BYTES - head.length) / 6))}"}`);
  return Buffer.concat([Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 0xff, 0, 0, 0, 0]), text]);
}

class Flooder {
  readonly #request: FloodRequest;
  readonly #context: SecureContext;
  readonly #frame = escapeHeavyFrame();
  readonly #sockets = new Set<TLSSocket>();
  #stopped = false;
  frames = 0;
  opened = 0;
  refused = 0;

  constructor(request: FloodRequest) {
    this.#request = request;
    this.#context = createSecureContext({ ca: request.ca });
    for (let index = 0; index < request.sockets; index += 1) void this.#keepFlooding();
  }

  stop(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #keepFlooding(): Promise<void> {
    while (!this.#stopped) {
      await this.#flood();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** One socket, from its handshake until it is cut off. */
  #flood(): Promise<void> {
    const { port, token } = this.#request;
    const plain = connectTcp({ port, host: '127.0.0.1', localAddress: ADDRESS });
    plain.on('error', () => undefined);
    const socket = connect({ socket: plain, servername: 'localhost', secureContext: this.#context });
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(
      [
        'GET /v1/socket HTTP/1.1',
        'Host: localhost',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
        'Sec-WebSocket-Protocol: openlock.client.v1',
        `Authorization: Bearer ${token}`,
        '',
        '',
      ].join('\r\n'),
    );
    let isOpen = false;
    socket.once('data', (answer: Buffer) => {
      isOpen = answer.toString('latin1').startsWith('HTTP/1.1 101 ');
      if (!isOpen) return void socket.destroy();
      this.opened += 1;
      socket.resume();
      const write = (): void => {
        while (!socket.destroyed && socket.write(this.#frame)) this.frames += 1;
      };
      socket.on('drain', write);
      write();
    });
    // A relay that says goodbye and reads no more leaves a flooder with what it could not write.
    socket.once('end', () => socket.destroy());
    return new Promise((resolve) => {
      socket.once('close', () => {
        this.#sockets.delete(socket);
        if (!isOpen) this.refused += 1;
        resolve();
      });
    });
  }
}

let flooder: Flooder | undefined;

const methods = {
  start(request: FloodRequest): void {
    flooder = new Flooder(request);
  },

  stop(): FloodCount {
    flooder?.stop();
    const { frames = 0, opened = 0, refused = 0 } = flooder ?? {};
    return { frames, opened, refused };
  },
};

export type Flooders = typeof methods;

serve(methods);
