/** Commands that may wait behind the one at work; the relay sends four at most (protocol 6.5). */
const MAX_WAITING = 8;
/** Ids remembered in order to count frames that come twice. */
const REMEMBERED_IDS = 1024;

/** A door does one thing at a time: what comes meanwhile waits, bounded. */
export class CommandQueue {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #recentIds = new Set<string>();
  #duplicates = 0;

  /** Ids that were offered more than once: a relay that keeps protocol 6.7 makes none. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Runs `work` after everything before it; false when too much waits already. `work` must not reject. */
  offer(id: string, work: () => Promise<void>): boolean {
    this.#count(id);
    if (this.#waiting >= MAX_WAITING) return false;
    this.#waiting += 1;
    this.#last = this.#last.then(() => {
      this.#waiting -= 1;
      return work();
    });
    return true;
  }

  #count(id: string): void {
    if (this.#recentIds.has(id)) this.#duplicates += 1;
    this.#recentIds.add(id);
    const [oldest] = this.#recentIds;
    if (this.#recentIds.size > REMEMBERED_IDS && oldest !== undefined) this.#recentIds.delete(oldest);
  }
}
