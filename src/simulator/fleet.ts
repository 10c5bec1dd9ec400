/** Many doors in one process, for load (issue: thousands; `openlock simulate --doors <n>`; the benchmark). */
import { systemRandom, systemTime, type RandomSource, type TimeSource } from './ambient.js';
import { SimulatedDoor } from './door.js';
import { FleetCounters, type FleetStatistics } from './fleet-counters.js';
import { DoorIdentity } from './identity.js';
import { RampGate } from './ramp-gate.js';
import { RelayTransport } from './transport.js';
import type { UpdateOptions } from './updates/options.js';
import type { RunningFirmware } from './updates/update-memory.js';

export interface FleetDoor {
  readonly doorId: string;
  readonly enrolmentToken?: string;
}

export interface FleetOptions {
  readonly relayUrl: string;
  /** PEM; see `SimulatedDoorOptions.ca`. */
  readonly ca?: string;
  readonly doors: readonly FleetDoor[];
  /** Every door's password. */
  readonly password: string;
  /**
   * RSA keys made for the whole fleet; its doors share them in turn. Default 8. **Shared keys are for load only**: making
   * thousands takes minutes, and a real door never shares one, because whoever holds the key is the door. 0: a key each.
   */
  readonly keyPoolSize?: number;
  /** Keys to use instead of making a pool. */
  readonly keys?: readonly DoorIdentity[];
  /**
   * Requests the fleet makes in a second: a first connection takes three, a return one. Default 40, below what a relay
   * allows one address (protocol 8.1: 50), since all these doors have one. `Infinity`: no limit.
   */
  readonly requestsPerSecond?: number;
  /** Doors on their way to being live at once. Default 64. */
  readonly maxConnecting?: number;
  /** See `SimulatedDoorOptions.answer`. */
  readonly answer?: 'faithful' | 'blind';
  readonly firmware?: RunningFirmware;
  /** See `SimulatedDoorOptions.updates`. */
  readonly updates?: UpdateOptions;
  /** See `SimulatedDoorOptions.replayCapacity`. */
  readonly replayCapacity?: number;
  readonly time?: TimeSource;
  readonly random?: RandomSource;
}

export interface FleetRunOptions extends FleetOptions {
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Called every `progressEveryMs` (default 1000) while the fleet runs. */
  readonly onProgress?: (statistics: FleetStatistics) => void;
  readonly progressEveryMs?: number;
}

const DEFAULT_KEY_POOL = 8;
const HTTP_SOCKETS = 32;

export class DoorFleet {
  readonly #options: FleetOptions;
  readonly #time: TimeSource;
  readonly #transport = new RelayTransport(HTTP_SOCKETS);
  readonly #gate: RampGate;
  readonly #counters: FleetCounters;
  readonly #doors: SimulatedDoor[] = [];
  readonly #halted: Promise<void>;
  #halt: () => void = () => undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#time = options.time ?? systemTime;
    this.#gate = new RampGate(this.#time, options.requestsPerSecond ?? 40, options.maxConnecting ?? 64);
    this.#counters = new FleetCounters(this.#time, options.doors.length);
    this.#halted = new Promise((resolve) => {
      this.#halt = resolve;
    });
  }

  get doors(): readonly SimulatedDoor[] {
    return this.#doors;
  }

  /** Starts every door and resolves once each has been live, or at `stop()`. Doors that are refused go on trying. */
  async start(): Promise<void> {
    const keys = this.#options.keys ?? (await this.#makeKeys());
    if (this.#stopping !== undefined) return;
    const started = this.#options.doors.map((entry, index) => this.#add(entry, keys[index % Math.max(1, keys.length)]));
    await Promise.race([Promise.all(started), this.#halted]);
  }

  statistics(): FleetStatistics {
    return this.#counters.read(this.#doors);
  }

  /** Closes every socket in order. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    this.#halt();
    this.#gate.close();
    await Promise.all(this.#doors.map((door) => door.stop()));
    this.#transport.close();
  }

  #add(entry: FleetDoor, identity: DoorIdentity | undefined): Promise<void> {
    const { relayUrl, ca, password, answer, firmware, updates, replayCapacity } = this.#options;
    const door = new SimulatedDoor({
      doorId: entry.doorId,
      relayUrl,
      password,
      transport: this.#transport,
      gate: this.#gate,
      time: this.#time,
      random: this.#options.random ?? systemRandom,
      keepExecutions: 0,
      ...(entry.enrolmentToken !== undefined && { enrolmentToken: entry.enrolmentToken }),
      ...(ca !== undefined && { ca }),
      ...(identity !== undefined && { keyPair: identity }),
      ...(answer !== undefined && { answer }),
      ...(firmware !== undefined && { firmware }),
      ...(updates !== undefined && { updates }),
      ...(replayCapacity !== undefined && { replayCapacity }),
    });
    this.#counters.watch(door);
    this.#doors.push(door);
    return door.start();
  }

  /** One after the other: two at a time would already take every core of a small machine. */
  async #makeKeys(): Promise<readonly DoorIdentity[]> {
    const size = Math.min(this.#options.keyPoolSize ?? DEFAULT_KEY_POOL, this.#options.doors.length);
    const keys: DoorIdentity[] = [];
    while (keys.length < size && this.#stopping === undefined) keys.push(await DoorIdentity.generate());
    return keys;
  }
}

/** Runs a fleet until `signal` is raised; resolves with its last figures. */
export async function runFleet(options: FleetRunOptions): Promise<FleetStatistics> {
  const { signal, onProgress, progressEveryMs = 1000, time = systemTime } = options;
  const fleet = new DoorFleet(options);
  const report = (): void => {
    onProgress?.(fleet.statistics());
    cancel = time.after(progressEveryMs, report);
  };
  let cancel = time.after(progressEveryMs, report);
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([fleet.start(), aborted]);
    await aborted;
  } finally {
    cancel();
  }
  const statistics = fleet.statistics();
  await fleet.stop();
  return statistics;
}
