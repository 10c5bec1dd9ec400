/** Looks at the store when told to: one look at a time, and one more after it when told meanwhile. */
export class Looks {
  readonly #look: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(look: () => Promise<void>, onError: (error: unknown) => void) {
    this.#look = look;
    this.#onError = onError;
  }

  soon(): void {
    this.#again = this.#running !== undefined;
    if (this.#stopped || this.#again) return;
    this.#running = this.#look()
      .catch(this.#onError)
      .finally(() => {
        this.#running = undefined;
        if (this.#again) this.soon();
      });
  }

  /** No look begins from now on; resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}
