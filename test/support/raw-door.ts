/** A door by hand, without the simulator: every step can be done wrong on purpose. node:crypto alone. */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

import { WebSocket, type ClientOptions } from 'ws';

import type { TestRelay } from './relay.js';
import { call, type HttpAnswer } from './site.js';

export interface RawKey {
  readonly privateKey: KeyObject;
  readonly pem: string;
  readonly kid: string;
}

export function makeRawKey(modulusLength = 2048, publicExponent = 65537): RawKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  const { n, e } = publicKey.export({ format: 'jwk' });
  return {
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    kid: createHash('sha256').update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest('base64url'),
  };
}

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export function signJws(key: RawKey, typ: string, claims: object, header: object = {}): string {
  const input = `${part({ alg: 'RS256', typ, kid: key.kid, ...header })}.${part(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`;
}

export const FIRMWARE = { version: '1.0.0', board: 'raw', securityVersion: 1 } as const;

export async function challenge(relay: TestRelay, doorId: string): Promise<string> {
  return (await call(relay, 'POST', '/v1/devices/challenge', { body: { doorId } })).body['nonce'] as string;
}

export interface RegisterOver {
  readonly enrolmentToken?: string;
  readonly claims?: object;
  readonly header?: object;
  readonly body?: object;
  /** Signs the rotation. */
  readonly oldKey?: RawKey;
}

export async function register(
  relay: TestRelay,
  doorId: string,
  key: RawKey,
  over: RegisterOver = {},
): Promise<HttpAnswer> {
  const nonce = await challenge(relay, doorId);
  const claims = { door: doorId, nonce, aud: relay.url, firmware: FIRMWARE, ...over.claims };
  return call(relay, 'POST', '/v1/devices/register', {
    body: {
      doorId,
      publicKey: key.pem,
      proof: signJws(key, 'openlock-proof+jws', claims, over.header),
      ...(over.enrolmentToken !== undefined && { enrolmentToken: over.enrolmentToken }),
      ...(over.oldKey !== undefined && {
        rotation: signJws(over.oldKey, 'openlock-rotation+jws', { door: doorId, nonce: claims.nonce, newKid: key.kid }),
      }),
      ...over.body,
    },
  });
}

/** A binary frame of an update (protocol 12.4). */
export interface RawBlock {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Everything a socket was sent, in the order in which it came. */
export type RawLogEntry = { readonly frame: Record<string, unknown> } | { readonly block: RawBlock };

export interface RawSocket {
  readonly ws: WebSocket;
  readonly log: readonly RawLogEntry[];
  /** The next text frame that was not taken yet. */
  next(): Promise<Record<string, unknown>>;
  send(frame: unknown): void;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
}

/** Opens a socket; rejects with the HTTP status when the upgrade is refused. */
export async function openSocket(
  relay: TestRelay,
  path: string,
  protocols: readonly string[],
  options: ClientOptions = {},
): Promise<RawSocket> {
  const ws = new WebSocket(`wss://localhost:${relay.port}${path}`, [...protocols], {
    ca: relay.ca,
    perMessageDeflate: false,
    ...options,
  });
  const frames: Record<string, unknown>[] = [];
  const waiting: ((frame: Record<string, unknown>) => void)[] = [];
  const log: RawLogEntry[] = [];
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      log.push({ block: { offset: data.readUInt32BE(0), bytes: data.subarray(4) } });
      return;
    }
    const frame = JSON.parse(data.toString('utf8')) as Record<string, unknown>;
    log.push({ frame });
    const waiter = waiting.shift();
    if (waiter === undefined) frames.push(frame);
    else waiter(frame);
  });
  const closed = new Promise<number>((resolve) => ws.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as { code?: string };
        reject(
          Object.assign(new Error(`refused with ${response.statusCode}`), {
            status: response.statusCode,
            code: body.code,
          }),
        );
      });
    });
    ws.once('error', reject);
  });
  ws.on('error', () => undefined);
  return {
    ws,
    log,
    closed,
    next: () => {
      const frame = frames.shift();
      return frame === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(frame);
    },
    send: (frame) => ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
  };
}

export function openDoorSocket(
  relay: TestRelay,
  doorId: string,
  sessionToken: string,
  options: ClientOptions = {},
  protocols: readonly string[] = ['openlock.door.v1'],
): Promise<RawSocket> {
  return openSocket(relay, '/v1/devices/socket', protocols, {
    ...options,
    headers: { authorization: `Bearer ${sessionToken}`, 'x-openlock-door': doorId, ...options.headers },
  });
}

export const hello = (over: object = {}): object => ({
  t: 'hello',
  boot: 'boot-1',
  epoch: 0,
  firmware: FIRMWARE,
  ...over,
});

/** Registers, connects and says hello. `firmware` is what the proof says of the image that runs. */
export async function liveDoor(
  relay: TestRelay,
  doorId: string,
  key: RawKey,
  enrolmentToken?: string,
  firmware: object = FIRMWARE,
): Promise<RawSocket & { readonly welcome: Record<string, unknown>; readonly sessionToken: string }> {
  const answer = await register(relay, doorId, key, {
    ...(enrolmentToken !== undefined && { enrolmentToken }),
    claims: { firmware },
  });
  if (answer.status !== 200) throw new Error(`registration refused: ${JSON.stringify(answer.body)}`);
  const sessionToken = answer.body['sessionToken'] as string;
  const socket = await openDoorSocket(relay, doorId, sessionToken);
  socket.send(hello());
  return { ...socket, welcome: await socket.next(), sessionToken };
}
