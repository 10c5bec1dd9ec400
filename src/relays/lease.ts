/**
 * This relay's lease in the store, and what it knows of the others (protocol 5.5): one write per relay every few seconds
 * instead of one per keep-alive. A relay whose lease ran out has its doors taken offline by whoever notices first.
 */
import { z } from 'zod';

import type { Cancel, Clock } from '../clock.js';
import type { Beat, RelayStore } from '../store/relay-store.js';
import type { RelayBus } from './bus.js';

/** What follows from leases; presence (`src/doors`) does it. */
export interface LeaseWatcher {
  /** The lease had run out (store outage, long pause): presence of every door here must be asserted again. */
  reassertAll(): Promise<void>;
  /** Called once per dead relay on the relay that sweeps it. */
  sweep(deadRelayId: string): Promise<void>;
}

export interface RelayLeaseDependencies {
  readonly relays: Pick<RelayStore, 'beat' | 'claimSweep' | 'leave'>;
  readonly bus: Pick<RelayBus, 'on'>;
  readonly clock: Pick<Clock, 'every'>;
  /** Unique per process: a restarted relay must not inherit the presence of the one before. */
  readonly relayId: string;
  readonly onError: (error: unknown, work: string) => void;
}

/** Protocol 5.5: a dead relay's doors are offline within 15 s. */
const LEASE_MS = 10_000;
const BEATS_PER_LEASE = 4;

export class RelayLease {
  readonly #deps: RelayLeaseDependencies;
  #cancel: Cancel = () => undefined;
  #live: ReadonlySet<string> = new Set();
  #liveList = ',';
  #running = Promise.resolve();

  constructor(dependencies: RelayLeaseDependencies) {
    this.#deps = dependencies;
  }

  /** Takes the lease, and tells `watcher` what follows from it; throws when the store is away. */
  async start(watcher: LeaseWatcher): Promise<void> {
    const { relays, bus, clock, relayId } = this.#deps;
    this.#learn(await relays.beat(relayId, LEASE_MS));
    this.#cancel = clock.every(LEASE_MS / BEATS_PER_LEASE, () => this.#beatSoon(watcher));
    bus.on('node_joined', z.object({ node: z.string() }), ({ node }) => {
      if (node !== relayId) this.#beatSoon(watcher);
    });
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#running;
    await this.#deps.relays.leave(this.#deps.relayId);
  }

  /** Live relays as `,a,b,`: the form the admission function searches. */
  get liveList(): string {
    return this.#liveList;
  }

  isLive(relayId: string | undefined): boolean {
    return relayId !== undefined && this.#live.has(relayId);
  }

  #beatSoon(watcher: LeaseWatcher): void {
    this.#running = this.#running.then(() => this.#beat(watcher));
  }

  async #beat(watcher: LeaseWatcher): Promise<void> {
    const { relays, relayId, onError } = this.#deps;
    try {
      const beat = await relays.beat(relayId, LEASE_MS);
      this.#learn(beat);
      if (!beat.hadLease) watcher.reassertAll().catch((error: unknown) => onError(error, 'reassert'));
      for (const dead of beat.expired) {
        if (!(await relays.claimSweep(dead, LEASE_MS))) continue;
        await watcher.sweep(dead);
        await relays.leave(dead);
      }
    } catch (error) {
      onError(error, 'lease');
    }
  }

  #learn(beat: Beat): void {
    this.#live = new Set(beat.live);
    this.#liveList = `,${beat.live.join(',')},`;
  }
}
