/**
 * Prometheus metrics of one relay. A registry of its own: two relays in one process (tests) do not share counters.
 *
 * Every series an alert looks at exists from the start, at 0: Prometheus sees no increase in a series that begins at 1, and
 * the first fault would go unnoticed. Labels have closed sets of values, so that nobody outside can make series.
 */
import { readFileSync } from 'node:fs';

import { collectDefaultMetrics, type Aggregator, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { COMMAND_STATES } from './protocol/client-frames.js';
import { PROBLEMS } from './protocol/problem.js';
import { DOOR_UPDATE_STATES } from './protocol/update-frames.js';

/** Work that the store can refuse; what is not listed counts as `other`. */
const STORE_WORK = [
  'abandon',
  'audit',
  'claim',
  'client frame',
  'close',
  'deliver',
  'detach',
  'failure',
  'image',
  'lease',
  'memory',
  'nudge',
  'read',
  'reassert',
  'recheck',
  'relay message',
  'rollout',
  'rollouts',
  'settle',
  'unsubscribe',
  'update progress',
  'update step',
  'update',
  'updates',
  'upgrade',
  'other',
] as const;
const LIMITS = ['address', 'site', 'relay', 'door', 'login', 'sockets'] as const;
/** What ends a connection before its first request (protocol 8.4). */
const CONNECTION_LIMITS = ['address_handshakes', 'address_waiting', 'all_handshakes', 'all_waiting'] as const;
const AUTH_KINDS = ['login', 'token', 'refresh', 'register', 'access_token', 'door_session'] as const;
/** What a request's method is called; anything else is `other`. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** From a few milliseconds on loopback to a command that ran into its deadline. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Up to the most there are in one call. */
const ITEMS = [1, 2, 4, 8, 16, 32, 64];

/** What is served: a route by its id, never by the path that was asked for. */
export interface ServedRoute {
  readonly id: string;
  readonly method: string;
  /** Statuses it answers with when all is well. */
  readonly statuses: readonly number[];
}

export class Metrics {
  readonly registry = new Registry();
  readonly connectedDoors = this.#gauge('openlock_connected_doors', 'Doors with a live socket on this relay');
  readonly connectedClients = this.#gauge('openlock_connected_clients', 'Client sockets on this relay');
  readonly commands = this.#counter(
    'openlock_commands_total',
    'Commands by the state they ended in, as seen by the relay that took them',
    'state',
    COMMAND_STATES,
  );
  readonly commandSeconds = this.#histogram(
    'openlock_command_duration_seconds',
    'From admission to the stored answer of the door',
  );
  readonly storeBatchItems = this.#histogram(
    'openlock_store_batch_items',
    'Things done at doors with one call of the store',
    ITEMS,
  );
  readonly refusals = this.#counter(
    'openlock_refusals_total',
    'Refused requests and frames by code',
    'code',
    Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[],
  );
  readonly limiterHits = this.#counter('openlock_limiter_hits_total', 'Requests over a limit', 'limit', LIMITS);
  readonly commandShare = this.#gauge(
    'openlock_commands_let_in_ratio',
    'Part of new commands that is let in; below 1 the relay has more to do than it can and refuses the rest',
    'min',
  );
  readonly connectionsRefused = this.#counter(
    'openlock_connections_refused_total',
    'Connections ended before a TLS handshake or request, by the limit they met',
    'limit',
    CONNECTION_LIMITS,
  );
  readonly replays = this.#count('openlock_replays_refused_total', 'Envelopes refused because they were seen before');
  readonly authFailures = this.#counter<'kind', string>(
    'openlock_auth_failures_total',
    'Failed authentications',
    'kind',
    AUTH_KINDS,
  );
  readonly sequenceGaps = this.#count('openlock_door_event_gaps_total', 'Events a door numbered that never arrived');
  readonly supersessions = this.#count('openlock_door_superseded_total', 'Door sockets replaced by a newer one');
  readonly sourceTurns = this.#count(
    'openlock_door_source_turns_total',
    'A door came back from the address before the last: a sign of one key in two hands',
  );
  readonly epochsBehind = this.#count(
    'openlock_door_epoch_behind_total',
    'A door knew an older epoch than the one last given: a sign of one key in two hands',
  );
  readonly epochJumps = this.#count(
    'openlock_door_epoch_jumps_total',
    'A door claimed an epoch far above the one last given',
  );
  readonly redisMemory = this.#gauge(
    'openlock_redis_memory_used_ratio',
    'Memory Redis uses, as a part of its maxmemory; 0 where it has none, 1 after it refused a write for want of memory',
    'max',
  );
  readonly updateBytes = this.#count('openlock_update_bytes_total', 'Bytes of firmware images sent to doors');
  readonly updateSteps = this.#counter(
    'openlock_update_steps_total',
    'Steps of firmware updates, by the state a door came to',
    'state',
    DOOR_UPDATE_STATES,
  );
  readonly updatesHere = this.#gauge('openlock_updates_under_way', 'Doors on this relay with an update under way');
  readonly processRestarts = this.#count(
    'openlock_process_restarts_total',
    'Relay processes of this host that ended by themselves and were started again',
  );
  readonly mailFailures = this.#count('openlock_mail_failures_total', 'Mails that could not be handed over');
  readonly certificateExpiry = this.#gauge(
    'openlock_tls_certificate_expiry_timestamp_seconds',
    'Unix time at which the certificate of this relay runs out; 0: it speaks no TLS itself',
    'min',
  );
  readonly #storeErrors = this.#counter<'work', (typeof STORE_WORK)[number]>(
    'openlock_store_errors_total',
    'Work the store refused or did not answer',
    'work',
    STORE_WORK,
  );
  readonly #requests = new Counter({
    name: 'openlock_http_requests_total',
    help: 'HTTP requests by route, method and status of the answer; status none: the caller left before it',
    labelNames: ['route', 'method', 'status'],
    registers: [this.registry],
  });
  readonly #requestSeconds = new Histogram({
    name: 'openlock_http_request_duration_seconds',
    help: 'From the first byte of a request that could be read to its answer, by route',
    labelNames: ['route'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly storeErrors = {
    inc: ({ work }: { readonly work: string }): void =>
      this.#storeErrors.inc({ work: STORE_WORK.find((name) => name === work) ?? 'other' }),
  };

  constructor() {
    // Includes nodejs_eventloop_lag_* (event-loop delay), memory and file descriptors.
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'openlock_build_info',
      help: 'Always 1; the labels say what runs',
      labelNames: ['version', 'node_version'],
      aggregator: 'first',
      registers: [this.registry],
    }).set({ version: version(), node_version: process.version }, 1);
  }

  /** Makes the series of these routes, at 0: those they should answer with, and those that mean trouble. */
  serves(routes: readonly ServedRoute[]): void {
    for (const { id, method, statuses } of routes) {
      for (const status of [...statuses, 500, 503])
        this.#requests.inc({ route: id, method: methodName(method), status: String(status) }, 0);
      this.#requestSeconds.zero({ route: id });
    }
  }

  /** Counts an answered request; `status` undefined: nobody was there to answer. */
  request(route: string, method: string, status: number | undefined, seconds: number): void {
    this.#requests.inc({ route, method: methodName(method), status: status === undefined ? 'none' : String(status) });
    this.#requestSeconds.observe({ route }, seconds);
  }

  #counter<Label extends string, Value extends string>(
    name: string,
    help: string,
    label: Label,
    values: readonly Value[],
  ): { inc(labels: Readonly<Record<Label, Value>>, by?: number): void } {
    const counter = new Counter({ name, help, labelNames: [label], registers: [this.registry] });
    // Looked up once: some are counted with every command.
    const series = new Map(values.map((value) => [value, counter.labels(value)]));
    for (const one of series.values()) one.inc(0);
    return { inc: (labels, by = 1) => (series.get(labels[label]) ?? counter.labels(labels[label])).inc(by) };
  }

  #count(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  /** `aggregator`: what it is of several processes of one host. */
  #gauge(name: string, help: string, aggregator: Aggregator = 'sum'): Gauge {
    return new Gauge({ name, help, aggregator, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: readonly number[] = SECONDS): Histogram {
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.registry] });
  }
}

const methodName = (method: string): string => (METHODS.has(method) ? method : 'other');

/** Of the package, beside `src/` and `dist/` alike. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return manifest.version;
}
