/** The same places in the other processes of this host, which count with those taken here. */
export interface SharedPlaces {
  /** So many are taken here under this name now. */
  set(name: string, taken: number): void;
  /** How many are taken elsewhere. */
  elsewhere(name: string): number;
}

/** Counts what may be held at once under a name. A place is taken before it is used, so that nobody passes the limit by hurrying. */
export class Places {
  readonly #most: number;
  readonly #peers: SharedPlaces | undefined;
  /** Name -> places taken; never more names than places. */
  readonly #taken = new Map<string, number>();

  constructor(most: number, peers?: SharedPlaces) {
    this.#most = most;
    this.#peers = peers;
  }

  /** Takes one; gives what frees it again, once however often it is called. `undefined`: all are taken. */
  take(name: string): (() => void) | undefined {
    const taken = this.#taken.get(name) ?? 0;
    if (taken + (this.#peers?.elsewhere(name) ?? 0) >= this.#most) return undefined;
    this.#set(name, taken + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#set(name, (this.#taken.get(name) ?? 1) - 1);
    };
  }

  #set(name: string, taken: number): void {
    if (taken === 0) this.#taken.delete(name);
    else this.#taken.set(name, taken);
    this.#peers?.set(name, taken);
  }
}
