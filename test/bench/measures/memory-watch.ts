import type { Child } from '../processes/child.js';
import type { Methods, Usage } from '../processes/worker.js';

/** Bytes: at the start, and the most that was seen. */
export interface MemoryPeak {
  readonly rssBefore: number;
  readonly rssPeak: number;
  /** Buffers, besides the heap: where images would be. */
  readonly externalBefore: number;
  readonly externalPeak: number;
  readonly heapBefore: number;
  readonly heapPeak: number;
}

const EVERY_MS = 200;

/** Looks at a process's memory five times a second. */
export class MemoryWatch {
  readonly #child: Child<Methods>;
  readonly #before: Usage;
  readonly #timer: NodeJS.Timeout;
  #peak: Usage;

  private constructor(child: Child<Methods>, before: Usage) {
    this.#child = child;
    this.#before = this.#peak = before;
    this.#timer = setInterval(() => void this.#look().catch(() => undefined), EVERY_MS);
  }

  static async start(child: Child<Methods>): Promise<MemoryWatch> {
    return new MemoryWatch(child, await child.call('usage', {}));
  }

  async stop(): Promise<MemoryPeak> {
    clearInterval(this.#timer);
    await this.#look();
    const [before, peak] = [this.#before, this.#peak];
    return {
      rssBefore: before.rssBytes,
      rssPeak: peak.rssBytes,
      externalBefore: before.externalBytes,
      externalPeak: peak.externalBytes,
      heapBefore: before.heapUsedBytes,
      heapPeak: peak.heapUsedBytes,
    };
  }

  async #look(): Promise<void> {
    const now = await this.#child.call('usage', {});
    const most = (member: keyof Usage): number => Math.max(now[member], this.#peak[member]);
    this.#peak = {
      cpuMicros: now.cpuMicros,
      rssBytes: most('rssBytes'),
      heapUsedBytes: most('heapUsedBytes'),
      externalBytes: most('externalBytes'),
    };
  }
}
