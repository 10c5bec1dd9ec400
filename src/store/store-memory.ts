/**
 * Watches how full Redis is (protocol 8.3): on one that fills up new logins are refused before commands are. A server without
 * `maxmemory` is never full; one that refuses a write for want of memory is, whatever it says of itself.
 */
import type { Redis } from 'ioredis';

import type { Cancel, Clock } from '../clock.js';
import { mastersOf } from './redis-client.js';
import type { RedisLink } from './redis-link.js';

export interface StoreMemoryDependencies {
  readonly link: RedisLink;
  readonly clock: Pick<Clock, 'every' | 'monotonic'>;
  /** Told what is known: used memory as a part of `maxmemory`, of the fullest server; 0 where none has a limit. */
  readonly onRatio: (ratio: number) => void;
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 5000;
/** From here on the rest is for commands. */
const FULL_AT = 0.9;
/** A refused write counts this long: the server may not tell its limit. */
const REFUSED_MS = 30_000;

export class StoreMemory {
  readonly #deps: StoreMemoryDependencies;
  readonly #cancels: Cancel[] = [];
  #ratio = 0;
  #refusedUntil = -Infinity;

  constructor(dependencies: StoreMemoryDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { link, clock } = this.#deps;
    this.#cancels.push(
      link.onOutOfMemory(() => {
        this.#refusedUntil = clock.monotonic() + REFUSED_MS;
        this.#tell();
      }),
      clock.every(LOOK_MS, () => void this.look()),
    );
    void this.look();
  }

  stop(): void {
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  /** True while new logins should give way. */
  get isFull(): boolean {
    return this.#known >= FULL_AT;
  }

  /** Never throws: a store that cannot be asked refuses by itself. */
  async look(): Promise<void> {
    try {
      const infos = await this.#deps.link.run((client) => Promise.all(mastersOf(client).map(infoOf)));
      this.#ratio = Math.max(0, ...infos.map(ratioOf));
      this.#tell();
    } catch (error) {
      this.#deps.onError(error);
    }
  }

  get #known(): number {
    return this.#deps.clock.monotonic() < this.#refusedUntil ? Math.max(1, this.#ratio) : this.#ratio;
  }

  #tell(): void {
    this.#deps.onRatio(this.#known);
  }
}

function infoOf(server: Redis): Promise<string> {
  return server.info('memory');
}

function ratioOf(info: string): number {
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const [used, most] = [field('used_memory'), field('maxmemory')];
  return most === 0 ? 0 : used / most;
}
