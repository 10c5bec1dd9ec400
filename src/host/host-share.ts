/**
 * What the relay processes of one host tell each other about limits that count for the host as a whole (protocol 8.1, 8.4):
 * what an address was allowed, and which places are held. Nobody is asked before something is allowed, so that nothing waits:
 * a process decides by what it knows, tells the others within 100 ms, within 10 ms where it allowed an eighth of a limit since
 * it told last, and what it hears of them counts as its own.
 *
 * At worst every process allows the whole limit before it hears of the others: as many times the limit as there are processes,
 * once. Tokens are paid back (a bucket may be in debt), so that over time no more is allowed than one process would; places
 * stay taken until their holders leave.
 */
import type { Cancel, Clock } from '../clock.js';

/** Counts by key, side by side: it travels ten times a second. */
export interface Counts {
  readonly keys: readonly (string | number)[];
  readonly counts: readonly number[];
}

/** By name of the ledger. */
export type ShareReport = Readonly<Record<string, Counts>>;

export interface HostShareOptions {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  /** Gives a report to all other processes; resolves when it is on its way. Nothing more is sent before. */
  readonly send: (report: ShareReport) => Promise<void>;
}

const TELL_MS = 100;
const TELL_SOON_MS = 10;
/** Told soon: a change by this part of a limit. */
const SOON_PART = 8;
/** Keys that wait to be told. More than a process serves in 100 ms; what does not fit counts in this process only. */
const UNTOLD_MAX = 16_384;

export class HostShare {
  readonly #options: HostShareOptions;
  readonly #ledgers = new Map<string, TakenLedger | HeldLedger>();
  #cancel: Cancel = () => undefined;
  #dueAt = Infinity;
  #isSending = false;
  #isStopped = false;

  constructor(options: HostShareOptions) {
    this.#options = options;
  }

  /** A ledger of what was taken and is gone, for limits a second. `limit`: what one key may take at once. */
  taken(name: string, limit: number): TakenLedger {
    return this.#open(name, new TakenLedger(Math.ceil(limit / SOON_PART), this.#tell));
  }

  /** A ledger of what is held and given back. `limit`: what may be held under one key. */
  held(name: string, limit: number): HeldLedger {
    return this.#open(name, new HeldLedger(Math.ceil(limit / SOON_PART), this.#tell));
  }

  /** Process `from` has reported. */
  hear(from: number, report: ShareReport): void {
    for (const [name, counts] of Object.entries(report)) this.#ledgers.get(name)?.hear(from, counts);
  }

  /** A process has begun that knows nothing yet. */
  greet(): void {
    for (const ledger of this.#ledgers.values()) ledger.greet();
  }

  /** Process `from` has ended; what it held is free. */
  forget(from: number): void {
    for (const ledger of this.#ledgers.values()) ledger.forget(from);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #open<Ledger extends TakenLedger | HeldLedger>(name: string, ledger: Ledger): Ledger {
    this.#ledgers.set(name, ledger);
    return ledger;
  }

  readonly #tell = (isSoon: boolean): void => {
    if (this.#isSending || this.#isStopped) return;
    const { clock } = this.#options;
    const inMs = isSoon ? TELL_SOON_MS : TELL_MS;
    if (this.#dueAt <= clock.monotonic() + inMs) return;
    this.#cancel();
    this.#dueAt = clock.monotonic() + inMs;
    this.#cancel = clock.after(inMs, () => void this.#send());
  };

  async #send(): Promise<void> {
    this.#dueAt = Infinity;
    const report: Record<string, Counts> = {};
    for (const [name, ledger] of this.#ledgers) {
      const counts = ledger.collect();
      if (counts.keys.length > 0) report[name] = counts;
    }
    if (Object.keys(report).length === 0) return;
    this.#isSending = true;
    await this.#options.send(report);
    this.#isSending = false;
    if ([...this.#ledgers.values()].some((ledger) => ledger.hasNews)) this.#tell(false);
  }
}

/** What was taken here since the others were told. */
export class TakenLedger {
  readonly #soonAt: number;
  readonly #tell: (isSoon: boolean) => void;
  readonly #untold = new Map<number, number>();
  #onHeard: (key: number, count: number) => void = () => undefined;

  constructor(soonAt: number, tell: (isSoon: boolean) => void) {
    this.#soonAt = soonAt;
    this.#tell = tell;
  }

  /** One more was taken here. */
  add(key: number): void {
    const count = this.#untold.get(key) ?? 0;
    if (count === 0 && this.#untold.size >= UNTOLD_MAX) return;
    this.#untold.set(key, count + 1);
    this.#tell(count + 1 >= this.#soonAt);
  }

  /** Sets who takes note of what another process took. */
  onHeard(handler: (key: number, count: number) => void): void {
    this.#onHeard = handler;
  }

  get hasNews(): boolean {
    return this.#untold.size > 0;
  }

  collect(): Counts {
    const counts = { keys: [...this.#untold.keys()], counts: [...this.#untold.values()] };
    this.#untold.clear();
    return counts;
  }

  hear(_from: number, { keys, counts }: Counts): void {
    for (const [index, key] of keys.entries()) this.#onHeard(Number(key), counts[index] ?? 0);
  }

  /** What was taken before a process began is no business of its. */
  greet(): void {}

  /** What it took stays taken. */
  forget(): void {}
}

/** What is held here and elsewhere. Counts are told as they stand, so that hearing one twice does no harm. */
export class HeldLedger {
  readonly #soonAt: number;
  readonly #tell: (isSoon: boolean) => void;
  readonly #here = new Map<string, number>();
  /** What the others believe is held here. */
  readonly #told = new Map<string, number>();
  readonly #changed = new Set<string>();
  /** Somebody among the others knows nothing yet. */
  #isGreeting = false;
  readonly #elsewhere = new Map<number, Map<string, number>>();

  constructor(soonAt: number, tell: (isSoon: boolean) => void) {
    this.#soonAt = soonAt;
    this.#tell = tell;
  }

  /** So many are held here under this key now. */
  set(key: string, held: number): void {
    setCount(this.#here, key, held);
    this.#changed.add(key);
    this.#tell(Math.abs(held - (this.#told.get(key) ?? 0)) >= this.#soonAt);
  }

  /** How many all other processes hold under this key, as far as they have said. */
  elsewhere(key: string): number {
    let sum = 0;
    for (const held of this.#elsewhere.values()) sum += held.get(key) ?? 0;
    return sum;
  }

  get hasNews(): boolean {
    return this.#changed.size > 0;
  }

  collect(): Counts {
    const news = [...this.#changed].filter(
      (key) => this.#here.get(key) !== this.#told.get(key) || (this.#isGreeting && this.#here.has(key)),
    );
    this.#changed.clear();
    this.#isGreeting = false;
    const counts = news.map((key) => this.#here.get(key) ?? 0);
    for (const [index, key] of news.entries()) setCount(this.#told, key, counts[index] ?? 0);
    return { keys: news, counts };
  }

  hear(from: number, { keys, counts }: Counts): void {
    const held = this.#elsewhere.get(from) ?? new Map<string, number>();
    this.#elsewhere.set(from, held);
    for (const [index, key] of keys.entries()) setCount(held, String(key), counts[index] ?? 0);
  }

  greet(): void {
    if (this.#here.size === 0) return;
    this.#isGreeting = true;
    for (const key of this.#here.keys()) this.#changed.add(key);
    this.#tell(true);
  }

  forget(from: number): void {
    this.#elsewhere.delete(from);
  }
}

function setCount(counts: Map<string, number>, key: string, count: number): void {
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
