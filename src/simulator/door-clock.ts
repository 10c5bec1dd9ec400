import type { Cancel, TimeSource } from './ambient.js';

/** Relay time moves the door's clock by at most this much from its own count in one boot (protocol 6.6). Milliseconds. */
const MAX_FORWARD_MS = 60_000;
const MAX_BACK_MS = 2_000;
/** SNTP and relay further apart than this: one of them is wrong, and the door cannot tell which. */
const MAX_APART_MS = 60_000;
const ASK_AGAIN_MS = 60_000;

/** What time servers say, Unix ms; `undefined`: they do not answer. */
export type SntpSource = () => number | undefined;

/**
 * The door's clock by protocol 6.6. SNTP, asked at boot, is its own count; relay time moves it little, and hardly
 * backwards, so that a hostile relay can neither revive an old envelope nor deliver one late. Without SNTP, or with SNTP
 * and relay far apart, it is `unsure`, and asks again every minute. It never shows less than the mark of the boot.
 */
export class DoorClock {
  readonly #time: TimeSource;
  readonly #mark: number;
  readonly #source: SntpSource;
  readonly #becameUnsure: () => void;
  /** Unix ms minus monotonic ms, as the time servers and the relay last had it. */
  #sntp: number | undefined;
  #relay: number | undefined;
  /** Where a door without SNTP counts from, for want of anything better: the first word of the relay in this boot. */
  #firstRelay: number | undefined;
  #unsure = false;
  #asking: Cancel | undefined;

  /** @param mark Persisted high-water mark of accepted `iat`, as this boot found it, Unix ms (0: none). */
  constructor(time: TimeSource, mark: number, source: SntpSource, becameUnsure: () => void) {
    this.#time = time;
    this.#mark = mark;
    this.#source = source;
    this.#becameUnsure = becameUnsure;
    this.#ask();
  }

  /** Whole Unix milliseconds. Before SNTP or a welcome, the mark. */
  now(): number {
    const own = this.#sntp ?? this.#firstRelay;
    if (own === undefined) return this.#mark;
    const shift = Math.min(MAX_FORWARD_MS, Math.max(-MAX_BACK_MS, (this.#relay ?? own) - own));
    return Math.max(this.#mark, Math.floor(own + shift + this.#time.monotonic()));
  }

  /** True while `iat` counts for nothing and only a challenge shows that an envelope is new. */
  get unsure(): boolean {
    return this.#unsure;
  }

  /** Whether a deadline the relay set has passed. Its time, not the door's: with a wrong SNTP no command would be in time. */
  isPast(deadline: number): boolean {
    return this.#relay !== undefined && this.#relay + this.#time.monotonic() > deadline;
  }

  /** Time from a welcome or a keep-alive. */
  relay(unixMs: number): void {
    this.#relay = unixMs - this.#time.monotonic();
    this.#firstRelay ??= this.#relay;
    this.#judge();
  }

  /** Power off. */
  stop(): void {
    this.#asking?.();
    this.#asking = undefined;
  }

  #ask(): void {
    const unixMs = this.#source();
    if (unixMs !== undefined) this.#sntp = unixMs - this.#time.monotonic();
  }

  #judge(): void {
    const wasUnsure = this.#unsure;
    const apart = Math.abs((this.#relay ?? 0) - (this.#sntp ?? Number.POSITIVE_INFINITY));
    this.#unsure = apart > MAX_APART_MS;
    if (!this.#unsure) return this.stop();
    this.#asking ??= this.#time.after(ASK_AGAIN_MS, () => {
      this.#asking = undefined;
      this.#ask();
      this.#judge();
    });
    if (!wasUnsure) this.#becameUnsure();
  }
}
