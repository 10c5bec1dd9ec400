/** The real API, pipeline and Express included, on a real socket, with the services behind it pretended. */
import {
  Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Server,
} from 'node:http';

import { systemClock } from '../../../src/clock.js';
import { AddressLimiter } from '../../../src/gate/address-limiter.js';
import { Gate, type GateDependencies } from '../../../src/gate/gate.js';
import { createListener, type ListenerOptions } from '../../../src/http/listener.js';
import { HttpApi, type HttpApiDependencies } from '../../../src/http/server.js';
import { FakeClock } from '../../support/fake-clock.js';
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
} from './fakes.js';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; an empty object when there is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** A value becomes JSON with its media type; bytes and text are sent as they are. */
  readonly body?: unknown;
  /** Sent as the access token; default none. */
  readonly token?: string;
}

export interface TestApi {
  readonly api: HttpApi;
  readonly port: number;
  readonly server: Server;
  readonly gate: Gate;
  readonly sites: FakeSites;
  readonly doors: FakeDoors;
  readonly commands: FakeCommands;
  readonly failures: FakeFailures;
  readonly trail: FakeTrail;
  readonly metrics: FakeMetrics;
  readonly log: FakeLog;
  readonly clock: FakeClock;
  call(path: string, options?: CallOptions): Promise<Reply>;
  stop(): Promise<void>;
}

export interface TestApiOptions extends Partial<HttpApiDependencies> {
  /** Besides what the fakes are. */
  readonly gateParts?: Partial<GateDependencies>;
  readonly ratePerSecond?: number;
  readonly timeouts?: NonNullable<ListenerOptions['timeouts']>;
}

export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const doors = new FakeDoors();
  // Stands still for limits and origins; what waits for a client waits in earnest.
  const clock = Object.assign(new FakeClock(), {
    after: (ms: number, work: () => void) => systemClock.after(ms, work),
  });
  const random = new FakeRandom();
  const parts = {
    sites: new FakeSites(),
    doors,
    commands: new FakeCommands(doors),
    failures: new FakeFailures(),
    trail: new FakeTrail(),
    metrics: new FakeMetrics(),
    log: new FakeLog(),
    clock,
  };
  const operators = new FakeOperators();
  const gate = new Gate({
    ...parts,
    operators,
    doors: { session: () => Promise.resolve({ hash: undefined, until: 0, disabled: false, banned: false }) },
    audit: parts.trail,
    random,
    addressLimiter: new AddressLimiter({ ratePerSecond: options.ratePerSecond ?? 1_000_000, clock, random }),
    overload: { turnAway: () => 0 },
    trustProxyHops: 0,
    siteSockets: 20,
    addressSockets: 50,
    ...options.gateParts,
  });
  const api = new HttpApi({
    ...parts,
    gate,
    operators,
    readiness: () => true,
    allowPrivateSites: false,
    tls: false,
    publicOrigins: ['https://relay.example'],
    ...options,
  });
  const listener = createListener({
    tls: undefined,
    handler: api.handler,
    clock: systemClock,
    random,
    ...(options.timeouts !== undefined && { timeouts: options.timeouts }),
  });
  const port = await listener.start(0, '127.0.0.1');
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  return {
    api,
    port,
    server: listener.server,
    gate,
    ...parts,
    call: (path, callOptions = {}) => call(port, agent, path, callOptions),
    stop: async () => {
      agent.destroy();
      await listener.stop(0);
    },
  };
}

function call(port: number, agent: Agent, path: string, options: CallOptions): Promise<Reply> {
  const { body, token } = options;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const payload = body === undefined ? undefined : isRaw ? body : JSON.stringify(body);
  const headers: OutgoingHttpHeaders = {
    ...(payload !== undefined && { 'content-type': 'application/json' }),
    ...(payload !== undefined &&
      options.headers?.['transfer-encoding'] === undefined && { 'content-length': Buffer.byteLength(payload) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', agent, path, method: options.method ?? 'GET', headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    request.on('error', reject);
    request.end(payload);
  });
}
