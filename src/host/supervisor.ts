/**
 * The parent of the relay processes of one host: starts them, starts again who ends by itself, stops all, and carries what they
 * tell each other. It is no relay: it has no store, no door and no site, and nothing that passes between those passes through it.
 */
import { sleep, type Cancel, type Clock } from '../clock.js';
import { ProcessError } from './process-error.js';
import {
  fromRelaySchema,
  type ProcessFailure,
  type ProcessMetric,
  type ProcessUrls,
  type ToRelay,
} from './messages.js';

/** A process that was started. */
export interface RelayProcess {
  readonly pid: number | undefined;
  /** Resolves when it is on its way, or never will be because the process has ended. */
  send(message: ToRelay): Promise<void>;
  /** At once, without a word. */
  kill(): void;
}

export interface ProcessEvents {
  readonly message: (message: unknown) => void;
  /** Once, whether it ran or could not even be started. `how`: for people. */
  readonly end: (how: string) => void;
}

export type StartProcess = (events: ProcessEvents) => RelayProcess;

export interface SupervisorOptions {
  readonly count: number;
  readonly start: StartProcess;
  /** Each process is called by this and its slot. */
  readonly name: string;
  /** Base64url of 8 random bytes. */
  readonly hashKey: string;
  readonly clock: Clock;
  readonly log: SupervisorLog;
  readonly metrics: {
    say(slot: number, metrics: readonly ProcessMetric[]): void;
    end(slot: number): void;
  };
  /** A process ended by itself and is started again. */
  readonly onRestart: () => void;
  /** All are reached elsewhere now: port 0 was wanted, and all had ended at once. */
  readonly onMoved: (urls: ProcessUrls) => void;
}

/** pino's methods fit. */
export interface SupervisorLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface Slot {
  readonly number: number;
  process: RelayProcess | undefined;
  isListening: boolean;
  failure: ProcessFailure | undefined;
  /** Ends in a row, each soon after its start. */
  quickEnds: number;
  /** Monotonic milliseconds. */
  startedAt: number;
  cancelRestart: Cancel;
  /** Messages about limits that it has not taken yet, and whether some were kept from it since. */
  unread: number;
  missed: boolean;
  /** Called when it says its metrics. */
  onMetrics: (() => void) | undefined;
}

const RESTART_FIRST_MS = 200;
const RESTART_MAX_MS = 30_000;
/** Who ran that long was well. */
const STEADY_MS = 60_000;
/** A graceful stop takes less; then the process ends as it is. */
const STOP_LIMIT_MS = 9_700;
const METRICS_LIMIT_MS = 1_000;
/** Some seconds' worth. */
const UNREAD_MAX = 64;

export class Supervisor {
  /** Rejects with {@link ProcessError} when no process listens any more and none can be started. */
  readonly hopeless: Promise<never>;
  readonly #options: SupervisorOptions;
  readonly #slots: readonly Slot[];
  #giveUp: (error: ProcessError) => void = () => undefined;
  #onAllEnded: () => void = () => undefined;
  #isStopping = false;
  #urls: ProcessUrls | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.count }, (_, index) => freshSlot(index + 1));
    this.hopeless = new Promise((_, reject) => (this.#giveUp = reject));
    this.hopeless.catch(() => undefined); // whoever waits for it hears of it
  }

  /**
   * Starts all; resolves when all listen, with where. The first goes before: it makes what all need, such as the certificate, and says
   * for all what is wrong. Throws {@link ProcessError} after having stopped the others.
   */
  async start(): Promise<ProcessUrls> {
    const [first, ...others] = this.#slots;
    try {
      if (first !== undefined) await this.#begin(first);
      await Promise.all(this.#isStopping ? [] : others.map((slot) => this.#begin(slot)));
      if (this.#urls === undefined || this.#isStopping)
        throw new ProcessError({ code: 'stopped_early', detail: 'The relay was stopped before it had started.' });
      return this.#urls;
    } catch (error) {
      await this.#stopAll();
      throw error;
    }
  }

  /** Has all stop gracefully, and nobody start any more; {@link stop} waits for it. */
  halt(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const slot of this.#slots) {
      slot.cancelRestart();
      slot.failure = undefined;
      void slot.process?.send({ t: 'stop' });
    }
  }

  /** Stops all gracefully. Throws {@link ProcessError} when one had to be ended as it was. */
  async stop(): Promise<void> {
    const failure = await this.#stopAll();
    if (failure !== undefined) throw new ProcessError(failure);
  }

  /** Has every process say its metrics; no longer than a second. */
  async askMetrics(): Promise<void> {
    const said = this.#slots
      .filter(({ isListening }) => isListening)
      .map((slot) => {
        // Who has not answered yet is not asked a second time.
        if (slot.onMetrics === undefined) void slot.process?.send({ t: 'metrics' });
        return new Promise<void>((resolve) => (slot.onMetrics = resolve));
      });
    const enough = new AbortController();
    await Promise.race([Promise.all(said), sleep(this.#options.clock, METRICS_LIMIT_MS, enough.signal)]);
    enough.abort();
  }

  /** Resolves when the process listens, or ended because all are to stop. */
  #begin(slot: Slot): Promise<void> {
    const { start, clock } = this.#options;
    slot.failure = undefined;
    slot.startedAt = clock.monotonic();
    return new Promise((resolve, reject) => {
      slot.process = start({
        message: (message) => this.#take(slot, message, resolve),
        end: (how) => {
          const { isListening, failure } = slot;
          this.#ended(slot, how);
          if (isListening || this.#isStopping) return resolve();
          const detail = `A relay process ended before it listened: ${how}.`;
          reject(new ProcessError(failure ?? { code: 'start_failed', detail }));
        },
      });
    });
  }

  #take(slot: Slot, said: unknown, onListening: () => void): void {
    const { count, name, hashKey, metrics, log, onMoved } = this.#options;
    const { data: message, error } = fromRelaySchema.safeParse(said);
    if (error !== undefined) return log.error({ process: slot.number, err: error }, 'a message that nobody knows');
    if (message.t === 'hello') {
      const begin = { t: 'begin', slot: slot.number, count, nodeId: `${name}-${slot.number}`, hashKey } as const;
      void slot.process?.send(this.#isStopping ? { t: 'stop' } : begin);
    } else if (message.t === 'listening') {
      slot.isListening = true;
      log.info({ process: slot.number, pid: slot.process?.pid }, 'a relay process listens');
      if (this.#urls !== undefined && message.urls.port !== this.#urls.port) onMoved(message.urls);
      this.#urls = message.urls;
      this.#tellOthers(slot, { t: 'joined' });
      onListening();
    } else if (message.t === 'failed') {
      slot.failure = message.failure;
    } else if (message.t === 'share') {
      this.#tellOthers(slot, { t: 'share', from: slot.number, report: message.report });
    } else {
      metrics.say(slot.number, message.metrics);
      slot.onMetrics?.();
      slot.onMetrics = undefined;
    }
  }

  #ended(slot: Slot, how: string): void {
    const { metrics, log } = this.#options;
    const { number, process, isListening } = slot;
    Object.assign(slot, { process: undefined, isListening: false, unread: 0, missed: false });
    slot.onMetrics?.();
    slot.onMetrics = undefined;
    metrics.end(number);
    this.#tellOthers(slot, { t: 'left', slot: number });
    if (this.#isStopping) return this.#whenAllEnded();
    if (!isListening) return;
    log.error({ process: number, pid: process?.pid, how }, 'a relay process ended by itself');
    this.#startAgain(slot);
  }

  #startAgain(slot: Slot): void {
    const { clock, onRestart } = this.#options;
    if (clock.monotonic() - slot.startedAt > STEADY_MS) slot.quickEnds = 0;
    const delayMs = Math.min(RESTART_FIRST_MS * 2 ** slot.quickEnds, RESTART_MAX_MS);
    slot.quickEnds += 1;
    slot.cancelRestart = clock.after(delayMs, () => {
      onRestart();
      this.#begin(slot).catch((error: ProcessError) => this.#couldNotStart(slot, error));
    });
  }

  /** While others serve, it is tried again; whoever cannot serve at all ends, and says why, as at the start. */
  #couldNotStart(slot: Slot, error: ProcessError): void {
    const { code, detail } = error.failure;
    this.#options.log.error({ process: slot.number, code, detail }, 'a relay process could not be started again');
    if (this.#isStopping) return;
    if (this.#slots.some(({ isListening }) => isListening)) this.#startAgain(slot);
    else this.#giveUp(error);
  }

  /** What the others have to know. Who does not read for seconds is kept from being drowned, and hears everything afterwards. */
  #tellOthers(from: Slot, message: ToRelay): void {
    for (const slot of this.#slots) {
      const { process } = slot;
      if (slot === from || process === undefined) continue;
      if (message.t === 'share' && slot.unread >= UNREAD_MAX) {
        slot.missed = true;
        continue;
      }
      slot.unread += 1;
      void process.send(message).then(() => {
        if (slot.process !== process) return;
        slot.unread -= 1;
        if (slot.unread > 0 || !slot.missed) return;
        slot.missed = false;
        this.#tellOthers(slot, { t: 'joined' });
      });
    }
  }

  /** The first thing that went wrong, if something did. */
  async #stopAll(): Promise<ProcessFailure | undefined> {
    this.halt();
    const ended = new Promise<void>((resolve) => (this.#onAllEnded = resolve));
    this.#whenAllEnded();
    let isLate = false;
    const cancel = this.#options.clock.after(STOP_LIMIT_MS, () => {
      isLate = true;
      for (const { process } of this.#slots) process?.kill();
    });
    await ended;
    cancel();
    const seconds = STOP_LIMIT_MS / 1000;
    const slow = { code: 'slow_stop', detail: `The relay did not stop within ${seconds} s and was ended as it was.` };
    return isLate ? slow : this.#slots.find(({ failure }) => failure !== undefined)?.failure;
  }

  #whenAllEnded(): void {
    if (this.#slots.every(({ process }) => process === undefined)) this.#onAllEnded();
  }
}

function freshSlot(number: number): Slot {
  return {
    ...{ number, process: undefined, isListening: false, failure: undefined, quickEnds: 0, startedAt: 0 },
    ...{ cancelRestart: () => undefined, unread: 0, missed: false, onMetrics: undefined },
  };
}
