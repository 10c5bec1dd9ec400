/** Somebody at another address of this machine: kept connections, many requests at once, any bytes. */
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { PROBLEMS, type ProblemCode } from '../../../src/protocol/problem.js';
import type { Reachable } from '../../e2e/support/relay-process.js';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `code` of a problem, empty otherwise. */
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Ask {
  readonly token?: string;
  /** Text goes as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const ANSWER_MS = 12_000;

export class Attacker {
  readonly #agent: Agent;

  constructor(
    readonly relay: Reachable & { readonly port: number },
    readonly address = '127.0.0.2',
    connections = 8,
  ) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, ca: relay.ca, localAddress: address });
  }

  ask(method: string, path: string, { token, body, headers }: Ask = {}): Promise<Answer> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const options = {
        ...{ method, path, host: '127.0.0.1', port: this.relay.port, servername: 'localhost', agent: this.#agent },
        headers: {
          host: `localhost:${this.relay.port}`,
          ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
      };
      const outgoing = request(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const received = Buffer.concat(chunks).toString('utf8');
          const parsed = (received === '' ? {} : JSON.parse(received)) as Record<string, unknown>;
          const { code } = parsed;
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            code: typeof code === 'string' ? code : '',
            body: parsed,
          });
        });
      });
      outgoing.on('error', reject);
      // What was to be refused and was not.
      outgoing.on('upgrade', ({ headers }, socket) => {
        socket.destroy();
        resolve({ status: 101, headers, code: '', body: {} });
      });
      outgoing.setTimeout(ANSWER_MS, () =>
        outgoing.destroy(new Error(`${method} ${path}: no answer in ${ANSWER_MS} ms`)),
      );
      outgoing.end(text);
    });
  }

  /** A TLS connection, and nothing said on it yet. */
  async tls(): Promise<TLSSocket> {
    const { port, ca } = this.relay;
    const plain = connectTcp({ port, host: '127.0.0.1', localAddress: this.address, noDelay: true });
    plain.on('error', () => undefined);
    const socket = connectTls({ socket: plain, servername: 'localhost', ca });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }

  /** A WebSocket as bare TLS: the upgrade is done, what follows are frames. */
  async webSocket(path: string, subprotocol: string, headers: Readonly<Record<string, string>>): Promise<TLSSocket> {
    const socket = await this.tls();
    const lines = {
      Host: 'localhost',
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
      'Sec-WebSocket-Protocol': subprotocol,
      ...headers,
    };
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
    socket.write([`GET ${path} HTTP/1.1`, ...head, '', ''].join('\r\n'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (!answer.toString('latin1').startsWith('HTTP/1.1 101 ')) throw new Error(answer.toString('latin1'));
    return socket;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** True for a code of protocol 9 under its own status. */
export function isDocumented({ status, code }: Answer): boolean {
  return Object.hasOwn(PROBLEMS, code) && PROBLEMS[code as ProblemCode].status === status;
}

/** One frame of RFC 6455, masked with zeros. */
export function maskedFrame(payload: string | Buffer, { opcode = 1, final = true } = {}): Buffer {
  const bytes = Buffer.from(payload as string);
  const length = bytes.length > 125 ? [0x80 | 126, bytes.length >> 8, bytes.length & 0xff] : [0x80 | bytes.length];
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode, ...length, 0, 0, 0, 0]), bytes]);
}

/** Runs `work` for 0 to `count` - 1, so many at once. */
export async function inParallel(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}

/** An address of the so many-th network: /24s and /48s in turn, none of them special. */
export function addressIn(index: number): string {
  const half = index >> 1;
  const [high, low] = [half >> 8, half & 0xff];
  if (index % 2 === 0) return `${20 + (high >> 8)}.${high & 0xff}.${low}.7`;
  return `2a0${(half >> 16).toString(16)}:${(half & 0xffff).toString(16)}:1::7`;
}
