/** All ways in of one relay, with the services behind them pretended: requests, upgrades, and frames on a client socket. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';

import { WebSocket, type ClientOptions } from 'ws';

import { ClientHub } from '../../src/channels/websocket/client-hub.js';
import { Upgrades } from '../../src/channels/websocket/upgrade.js';
import { systemClock, type Clock } from '../../src/clock.js';
import { Gate, type GateDependencies } from '../../src/gate/gate.js';
import { createListener } from '../../src/http/listener.js';
import { HttpApi } from '../../src/http/server.js';
import type { OpenLockError } from '../../src/protocol/problem.js';
import {
  FakeCommands,
  FakeDoors,
  FakeFailures,
  FakeLog,
  FakeMetrics,
  FakeOperators,
  FakeRandom,
  FakeSites,
  FakeTrail,
} from '../http/support/fakes.js';

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
}

export type Answer = Readonly<Record<string, unknown>>;

/** A client socket whose frames are asked one by one. */
export class Client {
  readonly closed: Promise<number>;
  readonly #answers: Answer[] = [];
  readonly #waiting: ((answer: Answer) => void)[] = [];

  constructor(readonly ws: WebSocket) {
    this.closed = once(ws, 'close').then(([code]) => code as number);
    ws.on('error', () => undefined);
    ws.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer;
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#answers.push(answer);
      else waiter(answer);
    });
  }

  next(): Promise<Answer> {
    const answer = this.#answers.shift();
    return answer === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(answer);
  }

  ask(frame: object | string): Promise<Answer> {
    this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    return this.next();
  }
}

export class WaysIn {
  readonly sites = new FakeSites();
  readonly doors = new FakeDoors();
  readonly commands = new FakeCommands(this.doors);
  readonly operators = new FakeOperators();
  readonly failures = new FakeFailures();
  readonly trail = new FakeTrail();
  readonly metrics = new FakeMetrics();
  readonly log = new FakeLog();
  /** What `roleOf` refuses with. */
  noRole: OpenLockError | undefined;
  /** What new commands meet; 0: let in. */
  turnAwayMs = 0;
  verdict = { allowed: true, retryAfterMs: 0, sustained: false };
  readonly gate: Gate;
  readonly hub: ClientHub;
  readonly #listener: ReturnType<typeof createListener>;
  #port = 0;

  constructor(over: Partial<GateDependencies> = {}, clock: Clock = systemClock) {
    const random = new FakeRandom();
    const { sites, doors, commands, operators, failures, trail, metrics, log } = this;
    const gate = (this.gate = new Gate({
      sites,
      operators,
      doors: { session: () => Promise.resolve({ hash: 'another', until: Infinity, disabled: false, banned: false }) },
      failures,
      overload: { turnAway: () => this.turnAwayMs },
      addressLimiter: { take: () => this.verdict },
      audit: trail,
      metrics,
      log,
      clock,
      random,
      trustProxyHops: 0,
      siteSockets: 20,
      addressSockets: 50,
      ...over,
    }));
    const api = new HttpApi({
      gate,
      sites,
      operators,
      doors,
      commands,
      metrics,
      log,
      clock,
      readiness: () => true,
      allowPrivateSites: false,
      tls: false,
      publicOrigins: ['https://relay.example'],
    });
    this.hub = new ClientHub({
      gate,
      commands: {
        submit: (...args) => this.commands.submit(...args),
        status: (who, doorId) =>
          this.commands.status(who, doorId, { requestId: '', address: '127.0.0.1', origin: undefined }),
      },
      access: { roleOf: () => (this.noRole === undefined ? Promise.resolve('user') : Promise.reject(this.noRole)) },
      mail: { onDoorEvents: () => Promise.resolve(() => Promise.resolve()), onResubscribed: () => undefined },
      bus: { on: () => undefined },
      audit: trail,
      metrics: { connectedClients: { set: () => undefined } as never },
      clock,
      onError: () => undefined,
    });
    // No door gets in here, so that there is nobody to receive it.
    const upgrades = new Upgrades({ gate, presence: undefined as never, clientHub: this.hub, clock, random });
    this.#listener = createListener({ tls: undefined, handler: api.handler, clock: systemClock, random });
    this.#listener.onUpgrade(upgrades.handler);
  }

  async start(): Promise<this> {
    this.#port = await this.#listener.start(0, '127.0.0.1');
    this.hub.start();
    return this;
  }

  async stop(): Promise<void> {
    await this.hub.stop(0);
    await this.#listener.stop(0);
  }

  async http(call: Call): Promise<Answer> {
    const { method = 'GET', path, headers = {}, body } = call;
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const outgoing = httpRequest({
      port: this.#port,
      host: '127.0.0.1',
      agent: false,
      method,
      path,
      headers: {
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        }),
        ...(headers as Record<string, string>),
      },
    });
    outgoing.end(text);
    const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString() || '{}') as Answer;
  }

  /** The problem an upgrade is refused with, and its `Retry-After`; an empty object when it is accepted. */
  async upgrade(path: string, protocols: readonly string[], options: ClientOptions = {}): Promise<Answer> {
    const ws = new WebSocket(`ws://127.0.0.1:${this.#port}${path}`, [...protocols], options);
    ws.on('error', () => undefined);
    return new Promise((resolve) => {
      ws.once('open', () => {
        ws.terminate();
        resolve({});
      });
      ws.once('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            ...(JSON.parse(Buffer.concat(chunks).toString()) as Answer),
            status: response.statusCode,
            retryAfter: response.headers['retry-after'],
          }),
        );
      });
    });
  }

  /** A client socket of the site `good` is the token of. */
  async client(headers: Readonly<Record<string, string>> = {}): Promise<Client> {
    const ws = new WebSocket(`ws://127.0.0.1:${this.#port}/v1/socket`, ['openlock.client.v1'], {
      headers: { authorization: 'Bearer good', ...headers },
    });
    const client = new Client(ws);
    await once(ws, 'open');
    return client;
  }

  get port(): number {
    return this.#port;
  }
}
