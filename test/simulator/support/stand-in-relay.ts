/** A small relay over real TLS and real sockets, of the tests' own making: it shows what a door does when a relay does this or that. */
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type WebSocket } from 'ws';

import {
  DOOR_SUBPROTOCOL,
  type DoorFrame,
  type HelloFrame,
  type RelayFrame,
  type ResultFrame,
} from '../../../src/protocol/door-frames.js';
import type { Sealed } from './seal.js';
import { makeCertificate, type TestCertificate } from './test-ca.js';

interface Registration {
  readonly doorId: string;
  readonly kid: string;
  readonly aud: string;
  readonly publicKey: string;
  readonly enrolmentToken: string | undefined;
  /** What the proof says of the image that runs (protocol 4.4). */
  readonly firmware: Readonly<Record<string, unknown>>;
  /** New key id named by the rotation, if one came. */
  readonly rotatedTo: string | undefined;
}

interface ScriptedAnswer {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

/** One welcomed door. */
export class StandInDoor {
  readonly frames: DoorFrame[] = [];
  readonly closed: Promise<number>;
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly doorId: string,
    readonly hello: HelloFrame,
    readonly socket: WebSocket,
    readonly relay: StandInRelay,
  ) {
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('message', (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString('utf8')) as DoorFrame);
      for (const check of this.#waiting) check();
    });
  }

  send(frame: RelayFrame | object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** The first frame, past or future, that `matches`. */
  frame<T extends DoorFrame>(matches: (frame: DoorFrame) => frame is T): Promise<T> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.frames.find(matches);
        if (found === undefined) return;
        this.#waiting.delete(check);
        resolve(found);
      };
      this.#waiting.add(check);
      check();
    });
  }

  async event(kind: string): Promise<DoorFrame & { t: 'event' }> {
    return this.frame((frame): frame is DoorFrame & { t: 'event' } => frame.t === 'event' && frame.kind === kind);
  }

  result(id: string): Promise<ResultFrame> {
    return this.frame((frame): frame is ResultFrame => frame.t === 'result' && frame.id === id);
  }

  command(sealed: Sealed, deadline = Date.now() + 5000): Promise<ResultFrame> {
    this.send({ t: 'command', id: sealed.id, jwe: sealed.jwe, deadline });
    return this.result(sealed.id);
  }
}

export class StandInRelay {
  readonly certificate: TestCertificate;
  readonly registrations: Registration[] = [];
  readonly upgrades: string[] = [];
  /** Taken one by one, in place of the true answer. */
  readonly registerScript: ScriptedAnswer[] = [];
  readonly upgradeScript: ScriptedAnswer[] = [];
  answersKeepAlive = true;
  keepAliveSeconds = 10;
  /** The epoch of the next welcome; by default it grows. */
  epoch = 0;
  #time: () => number;
  #server: Server | undefined;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => DOOR_SUBPROTOCOL });
  readonly #tokens = new Map<string, string>();
  readonly #nonces = new Set<string>();
  readonly #arrivals: StandInDoor[] = [];
  #waiting: ((door: StandInDoor) => void)[] = [];

  constructor(certificate: TestCertificate = makeCertificate(), time: () => number = () => Date.now()) {
    this.certificate = certificate;
    this.#time = time;
  }

  get ca(): string {
    return this.certificate.ca;
  }

  get origin(): string {
    return `https://localhost:${(this.#server?.address() as AddressInfo).port}`;
  }

  async start(port = 0): Promise<this> {
    const server = createServer(
      { cert: this.certificate.cert, key: this.certificate.key },
      (request, response) => void this.#answer(request, response),
    );
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    server.listen(port, 'localhost');
    await once(server, 'listening');
    this.#server = server;
    return this;
  }

  async stop(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#server?.closeAllConnections();
    this.#server?.close();
    if (this.#server !== undefined) await once(this.#server, 'close');
  }

  forgetSessions(): void {
    this.#tokens.clear();
  }

  /** The next door that is welcomed and was not taken yet. */
  arrival(): Promise<StandInDoor> {
    const door = this.#arrivals.shift();
    return door === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(door);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as Record<string, string>;
    if (request.url === '/v1/devices/challenge') {
      const nonce = randomBytes(16).toString('base64url');
      this.#nonces.add(nonce);
      return json(response, { status: 200, body: { nonce, expiresInSeconds: 60, time: this.#time() } });
    }
    const scripted = this.registerScript.shift();
    if (scripted !== undefined) return json(response, scripted);
    json(response, this.#register(body));
  }

  #register(body: Record<string, string>): ScriptedAnswer {
    const proof = claimsOf(body['proof'] ?? '', body['publicKey'] ?? '');
    if (proof === undefined || !this.#nonces.delete(String(proof.claims['nonce'])))
      return { status: 401, body: { code: 'unauthenticated', detail: 'bad proof' } };
    const doorId = body['doorId'] ?? '';
    const bound = this.registrations.findLast((entry) => entry.doorId === doorId);
    const rotation =
      body['rotation'] === undefined || bound === undefined ? undefined : claimsOf(body['rotation'], bound.publicKey);
    this.registrations.push({
      doorId,
      kid: proof.kid,
      aud: String(proof.claims['aud']),
      publicKey: body['publicKey'] ?? '',
      enrolmentToken: body['enrolmentToken'],
      firmware: (proof.claims['firmware'] ?? {}) as Record<string, unknown>,
      rotatedTo: rotation === undefined ? undefined : String(rotation.claims['newKid']),
    });
    const sessionToken = randomBytes(32).toString('base64url');
    this.#tokens.set(sessionToken, doorId);
    return {
      status: 200,
      body: {
        sessionToken,
        expiresInSeconds: 86_400,
        socketPath: '/v1/devices/socket',
        keepAliveSeconds: this.keepAliveSeconds,
        time: this.#time(),
        kid: proof.kid,
      },
    };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const doorId = String(request.headers['x-openlock-door']);
    this.upgrades.push(doorId);
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    const refusal =
      this.upgradeScript.shift() ??
      (this.#tokens.get(token) === doorId
        ? undefined
        : { status: 401, body: { code: 'unauthenticated', detail: 'no session' } });
    if (refusal !== undefined) {
      const body = JSON.stringify(refusal.body ?? {});
      const headers = Object.entries({ 'content-length': body.length, connection: 'close', ...refusal.headers }).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${headers.join('')}\r\n${body}`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => this.#greet(client, doorId));
  }

  #greet(client: WebSocket, doorId: string): void {
    client.once('message', (data) => {
      const hello = JSON.parse((data as Buffer).toString('utf8')) as HelloFrame;
      const door = new StandInDoor(doorId, hello, client, this);
      client.on('message', (frame) => {
        const { t } = JSON.parse((frame as Buffer).toString('utf8')) as { t: string };
        if (t === 'keepalive' && this.answersKeepAlive) door.send({ t: 'keepalive', time: this.#time() });
      });
      this.epoch = Math.max(this.epoch, hello.epoch) + 1;
      door.send({
        t: 'welcome',
        door: doorId,
        epoch: this.epoch,
        time: this.#time(),
        keepAliveSeconds: this.keepAliveSeconds,
      });
      const next = this.#waiting.shift();
      if (next === undefined) this.#arrivals.push(door);
      else next(door);
    });
  }
}

function json(response: ServerResponse, answer: ScriptedAnswer): void {
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  response.end(JSON.stringify(answer.body ?? {}));
}

function claimsOf(jws: string, publicKey: string): { kid: string; claims: Record<string, unknown> } | undefined {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  const good = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    createPublicKey(publicKey),
    Buffer.from(signature, 'base64url'),
  );
  if (!good) return undefined;
  const read = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  return { kid: String(read(header)['kid']), claims: read(payload) };
}
