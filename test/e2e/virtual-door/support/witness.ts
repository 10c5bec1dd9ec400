/** A website that watches: every event of a door as it comes over the client socket. */
import type { EventStream, OpenLock } from '../../../../src/client/index.js';
import { DOOR } from './scene.js';

export interface Seen {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class Witness {
  readonly seen: Seen[] = [];
  readonly #checks = new Set<() => void>();

  private constructor(readonly stream: EventStream) {
    stream.on('event', ({ kind, data }) => this.#take({ kind, data: data ?? {} }));
    stream.on('presence', ({ online }) => this.#take({ kind: online ? 'online' : 'offline', data: {} }));
  }

  static async of(sdk: OpenLock, doorId: string = DOOR): Promise<Witness> {
    const stream = sdk.events([doorId]);
    const witness = new Witness(stream);
    await new Promise<void>((resolve) => stream.on('connected', () => resolve()));
    return witness;
  }

  /** The first event of that kind, past or future; presence counts as `online` and `offline`. */
  async event(kind: string, since = 0, patienceMs = 20_000): Promise<Seen> {
    const found = (): Seen | undefined => this.seen.slice(since).find((seen) => seen.kind === kind);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#checks.delete(check);
        reject(new Error(`no event ${kind} within ${patienceMs} ms, but ${JSON.stringify(this.seen.slice(since))}`));
      }, patienceMs);
      const check = (): void => {
        const seen = found();
        if (seen === undefined) return;
        this.#checks.delete(check);
        clearTimeout(timer);
        resolve(seen);
      };
      this.#checks.add(check);
      check();
    });
  }

  #take(seen: Seen): void {
    this.seen.push(seen);
    for (const check of [...this.#checks]) check();
  }
}
