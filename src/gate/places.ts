/** Counts what may be held at once under a name. A place is taken before it is used, so that nobody passes the limit by hurrying. */
export class Places {
  readonly #most: number;
  /** Name -> places taken; never more names than places. */
  readonly #taken = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes one; gives what frees it again, once however often it is called. `undefined`: all are taken. */
  take(name: string): (() => void) | undefined {
    const taken = this.#taken.get(name) ?? 0;
    if (taken >= this.#most) return undefined;
    this.#taken.set(name, taken + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.#taken.get(name) ?? 1) - 1;
      if (left === 0) this.#taken.delete(name);
      else this.#taken.set(name, left);
    };
  }
}
