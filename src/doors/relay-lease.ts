/**
 * This relay's lease in the store, and what it knows of the others (protocol 5.5): one write per relay every few seconds
 * instead of one per keep-alive. A relay whose lease ran out has its doors taken offline by whoever notices first.
 */
import { LIMITS } from '../protocol/limits.js';
import type { Beat, NodeStore } from '../store/node-store.js';

export interface RelayLeaseDependencies {
  readonly nodes: NodeStore;
  /** Unique per process: a restarted relay must not inherit the presence of the one before. */
  readonly nodeId: string;
  /** The lease had run out (store outage, long pause): presence of every local socket must be asserted again. */
  readonly onLeaseLost: () => void;
  /** Called once per dead relay on the relay that sweeps it. */
  readonly sweep: (deadNodeId: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const BEATS_PER_LEASE = 4;

export class RelayLease {
  readonly #deps: RelayLeaseDependencies;
  #timer: NodeJS.Timeout | undefined;
  #live: ReadonlySet<string> = new Set();
  #liveList = ',';
  #running = Promise.resolve();

  constructor(dependencies: RelayLeaseDependencies) {
    this.#deps = dependencies;
  }

  /** Takes the lease; throws when the store is away. */
  async start(): Promise<void> {
    this.#learn(await this.#deps.nodes.beat(this.#deps.nodeId, LIMITS.nodeLeaseMs));
    this.#timer = setInterval(() => this.beatSoon(), LIMITS.nodeLeaseMs / BEATS_PER_LEASE);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    await this.#deps.nodes.leave(this.#deps.nodeId);
  }

  /** Renews now: on the timer, and when another relay says that it joined. */
  beatSoon(): void {
    this.#running = this.#running.then(() => this.#beat());
  }

  /** Live relays as `,a,b,`: the form the admission function searches. */
  get liveList(): string {
    return this.#liveList;
  }

  isLive(nodeId: string | undefined): boolean {
    return nodeId !== undefined && this.#live.has(nodeId);
  }

  async #beat(): Promise<void> {
    try {
      const beat = await this.#deps.nodes.beat(this.#deps.nodeId, LIMITS.nodeLeaseMs);
      this.#learn(beat);
      if (!beat.hadLease) this.#deps.onLeaseLost();
      for (const dead of beat.expired) {
        if (await this.#deps.nodes.claimSweep(dead, LIMITS.nodeLeaseMs)) await this.#deps.sweep(dead);
      }
    } catch (error) {
      this.#deps.onError(error);
    }
  }

  #learn(beat: Beat): void {
    this.#live = new Set(beat.live);
    this.#liveList = `,${beat.live.join(',')},`;
  }
}
