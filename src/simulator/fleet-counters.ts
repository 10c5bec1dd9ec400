import type { TimeSource } from './ambient.js';
import type { SimulatedDoor } from './door.js';
import type { Trouble } from './session.js';
import type { UpdateStep } from './updates/options.js';

/** Firmware updates of a fleet, as its doors saw them. */
export interface FleetUpdates {
  readonly offers: number;
  /** Image bytes that came and were wanted. */
  readonly bytes: number;
  /** Blocks nobody had asked for. */
  readonly strays: number;
  /** Doors that have restarted into a new image, so far. */
  readonly rebooting: number;
  readonly confirmed: number;
  readonly rolledBack: number;
  readonly refused: number;
  readonly failed: number;
}

/** Figures of a fleet. Times in milliseconds. */
export interface FleetStatistics {
  readonly doors: number;
  readonly connected: number;
  /** From the start until every door had been live; absent until then. */
  readonly allConnectedMs?: number;
  /** Live connections lost so far. */
  readonly disconnects: number;
  /** Lost connections that came back, and how long they took. */
  readonly reconnects: number;
  readonly reconnectMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** From the latest time all were connected being broken until all were connected again; absent until then. */
  readonly allReconnectedMs?: number;
  /** Commands answered. */
  readonly commands: number;
  /** Acts carried out; a blind fleet carries out none. */
  readonly executed: number;
  /** Command frames that came a second time: any is a broken promise of the relay (protocol 6.7). */
  readonly duplicates: number;
  /** Absent until a door was offered one. */
  readonly updates?: FleetUpdates;
  /** What went wrong, by stage and code or status, with its count. */
  readonly troubles: Readonly<Record<string, number>>;
}

const KEPT_SAMPLES = 50_000;

/** Watches the doors of a fleet. */
export class FleetCounters {
  readonly #time: TimeSource;
  readonly #size: number;
  readonly #startedAt: number;
  readonly #lostAt = new Map<SimulatedDoor, number>();
  readonly #reconnectMs: number[] = [];
  readonly #troubles = new Map<string, number>();
  readonly #steps = new Map<UpdateStep['phase'], number>();
  #connected = 0;
  #disconnects = 0;
  #reconnects = 0;
  #brokenAt: number | undefined;
  #allConnectedMs: number | undefined;
  #allReconnectedMs: number | undefined;

  constructor(time: TimeSource, size: number) {
    this.#time = time;
    this.#size = size;
    this.#startedAt = time.monotonic();
  }

  watch(door: SimulatedDoor): void {
    door.on('live', () => this.#up(door));
    door.on('offline', () => this.#down(door));
    door.on('trouble', (trouble) => this.#note(trouble));
    door.on('update', ({ phase }) => this.#steps.set(phase, (this.#steps.get(phase) ?? 0) + 1));
  }

  read(doors: readonly SimulatedDoor[]): FleetStatistics {
    const sorted = [...this.#reconnectMs].sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    const sum = (pick: (door: SimulatedDoor) => number): number => doors.reduce((total, door) => total + pick(door), 0);
    return {
      doors: this.#size,
      connected: this.#connected,
      disconnects: this.#disconnects,
      reconnects: this.#reconnects,
      reconnectMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
      commands: sum((door) => door.received),
      executed: sum((door) => door.executed),
      duplicates: sum((door) => door.duplicates),
      troubles: Object.fromEntries(this.#troubles),
      ...(this.#steps.size > 0 && { updates: this.#updates(sum) }),
      ...(this.#allConnectedMs !== undefined && { allConnectedMs: Math.round(this.#allConnectedMs) }),
      ...(this.#allReconnectedMs !== undefined && { allReconnectedMs: Math.round(this.#allReconnectedMs) }),
    };
  }

  #updates(sum: (pick: (door: SimulatedDoor) => number) => number): FleetUpdates {
    const count = (phase: UpdateStep['phase']): number => this.#steps.get(phase) ?? 0;
    return {
      offers: count('offer'),
      bytes: sum((door) => door.updateCounts.bytes),
      strays: sum((door) => door.updateCounts.strays),
      rebooting: count('rebooting'),
      confirmed: count('confirmed'),
      rolledBack: count('rolled_back'),
      refused: count('refuse'),
      failed: count('failed'),
    };
  }

  #up(door: SimulatedDoor): void {
    const now = this.#time.monotonic();
    this.#connected += 1;
    const lostAt = this.#lostAt.get(door);
    if (lostAt !== undefined) {
      this.#lostAt.delete(door);
      this.#reconnects += 1;
      this.#reconnectMs.push(now - lostAt);
      if (this.#reconnectMs.length > KEPT_SAMPLES) this.#reconnectMs.splice(0, KEPT_SAMPLES / 2);
    }
    if (this.#connected < this.#size) return;
    this.#allConnectedMs ??= now - this.#startedAt;
    if (this.#brokenAt !== undefined) this.#allReconnectedMs = now - this.#brokenAt;
    this.#brokenAt = undefined;
  }

  #down(door: SimulatedDoor): void {
    const now = this.#time.monotonic();
    if (this.#connected === this.#size) this.#brokenAt = now;
    this.#connected -= 1;
    this.#disconnects += 1;
    this.#lostAt.set(door, now);
  }

  #note(trouble: Trouble): void {
    const what =
      trouble.code ??
      (trouble.closeCode !== 0
        ? String(trouble.closeCode)
        : trouble.status !== 0
          ? String(trouble.status)
          : trouble.detail.slice(0, 60));
    const name = `${trouble.stage} ${what}`;
    // Bounded: details come from outside.
    if (this.#troubles.size < 50 || this.#troubles.has(name))
      this.#troubles.set(name, (this.#troubles.get(name) ?? 0) + 1);
  }
}
