/** Prometheus metrics of one relay. A registry of its own: two relays in one process (tests) do not share counters. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export class Metrics {
  readonly registry = new Registry();
  readonly connectedDoors = this.#gauge('openlock_connected_doors', 'Doors with a live socket on this relay');
  readonly connectedClients = this.#gauge('openlock_connected_clients', 'Client sockets on this relay');
  readonly commands = this.#counter(
    'openlock_commands_total',
    'Commands by the state they ended in, as seen by the relay that took them',
    ['state'],
  );
  readonly commandSeconds = new Histogram({
    name: 'openlock_command_seconds',
    help: 'From admission to the stored answer of the door',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  readonly refusals = this.#counter('openlock_refusals_total', 'Refused requests and frames by code', ['code']);
  readonly limiterHits = this.#counter('openlock_limiter_hits_total', 'Requests over a limit', ['limit']);
  readonly replays = this.#counter(
    'openlock_replays_refused_total',
    'Envelopes refused because they were seen before',
    [],
  );
  readonly authFailures = this.#counter('openlock_auth_failures_total', 'Failed authentications', ['kind']);
  readonly sequenceGaps = this.#counter(
    'openlock_door_event_gaps_total',
    'Events a door numbered that never arrived',
    [],
  );
  readonly supersessions = this.#counter('openlock_door_superseded_total', 'Door sockets replaced by a newer one', []);
  readonly sourceTurns = this.#counter(
    'openlock_door_source_turns_total',
    'A door came back from the address before the last: a sign of one key in two hands',
    [],
  );
  readonly epochsBehind = this.#counter(
    'openlock_door_epoch_behind_total',
    'A door knew an older epoch than the one last given: a sign of one key in two hands',
    [],
  );
  readonly storeErrors = this.#counter('openlock_store_errors_total', 'Work the store refused or did not answer', [
    'work',
  ]);
  readonly updateBytes = this.#counter('openlock_update_bytes_total', 'Bytes of firmware images sent to doors', []);
  readonly updateSteps = this.#counter(
    'openlock_update_steps_total',
    'Steps of firmware updates, by the state a door came to',
    ['state'],
  );
  readonly updatesHere = this.#gauge('openlock_updates_under_way', 'Doors on this relay with an update under way');
  readonly certificateExpiry = this.#gauge(
    'openlock_tls_certificate_expiry_timestamp_seconds',
    'Unix time at which the certificate of this relay runs out; 0: it speaks no TLS itself',
  );
  readonly mailFailures = this.#counter('openlock_mail_failures_total', 'Mails that could not be handed over', []);

  constructor() {
    // Includes nodejs_eventloop_lag_* (event-loop delay), memory and file descriptors.
    collectDefaultMetrics({ register: this.registry });
  }

  #counter<T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
