/**
 * Brings a store to the layout of keys this version works with, before anything else is done with it. A store of layout 1 is moved,
 * door by door, by whoever comes first; others wait. Stopped anywhere, also by a power cut, it is taken up again by the next.
 */
import { sleep, type Clock, type Random } from '../../clock.js';
import { ConfigError } from '../../config.js';
import { OpenLockError } from '../../protocol/problem.js';
import { fleetKeys } from '../keys.js';
import { persist } from '../persist.js';
import { layout1FleetKeys, type StoreAccess } from './layout-1.js';
import { moveDoor } from './move-door.js';

export interface UpgradeOptions {
  readonly link: StoreAccess;
  readonly clock: Clock;
  readonly random: Random;
  /** Where it says how far it is. */
  readonly tell: (text: string) => void;
  /** How long to wait for somebody else who is at it, in milliseconds. */
  readonly waitMs: number;
}

const LAYOUT = '2';
/** What an older program meets in the place of its leases and its index of doors. */
const MOVED = `moved: this store has layout ${LAYOUT}, which needs a later version of OpenLock`;
const LOCK_MS = 15_000;
const RENEW_MS = 3_000;
const LOOK_MS = 200;
const TELL_MS = 5_000;
/** An older relay that lives renews its lease within 2.5 s, and a second more when Redis was away. */
const SIGN_OF_LIFE_MS = 5_000;
const DOORS_AT_ONCE = 16;
const MEMBERS_AT_ONCE = 1_000;
/** A command of layout 1 lives ten minutes; one more, for what was under way when its relay stopped. */
const EARLIER_COMMANDS_MS = 11 * 60_000;
const TRIES = 5;
const RETRY_MS = 1_000;

/**
 * Resolves once the store has this version's layout. Throws {@link ConfigError} when it must not be moved (a relay of an older version
 * runs on it) or belongs to a later version, `store_unavailable` when Redis is away or somebody else takes too long.
 */
export async function upgradeStore(options: UpgradeOptions): Promise<void> {
  const { link, clock, tell } = options;
  const token = options.random.bytes(12).toString('base64url');
  const until = clock.monotonic() + options.waitMs;
  for (let toldAt = -Infinity; !(await isUpToDate(link)); await sleep(clock, LOOK_MS)) {
    if (await holdLock(link, token)) {
      try {
        return await new Upgrade(options, token).run();
      } finally {
        // Should this fail, the lock ends by itself.
        await link.call('layout_unlock', [fleetKeys.layoutLock], [token]).catch(() => undefined);
      }
    }
    if (clock.monotonic() >= until)
      throw new OpenLockError('store_unavailable', 'Another OpenLock moves this store to a new layout; try again.');
    if (clock.monotonic() - toldAt >= TELL_MS) {
      toldAt = clock.monotonic();
      tell('waiting for another OpenLock that moves the store to a new layout');
    }
  }
}

async function isUpToDate(link: StoreAccess): Promise<boolean> {
  const layout = await link.run((client) => client.get(fleetKeys.layout));
  if (layout === null || layout === LAYOUT) return layout === LAYOUT;
  throw new ConfigError([
    `The store has layout ${layout}, of a later version of OpenLock; this one knows layout ${LAYOUT}.`,
  ]);
}

async function holdLock(link: StoreAccess, token: string): Promise<boolean> {
  return (await link.call('layout_lock', [fleetKeys.layoutLock], [token, LOCK_MS])) === 1;
}

/** One run, under the lock. */
class Upgrade {
  readonly #options: UpgradeOptions;
  readonly #token: string;
  #heldAt: number;
  #holding: Promise<void> = Promise.resolve();

  constructor(options: UpgradeOptions, token: string) {
    this.#options = options;
    this.#token = token;
    this.#heldAt = options.clock.monotonic();
  }

  async run(): Promise<void> {
    const { link, tell } = this.#options;
    // Somebody else may have been done just before the lock was free.
    if (await isUpToDate(link)) return;
    await this.#shutOutOlderRelays();
    await this.#moveIndex();
    const doors = await link.run((client) => client.smembers(fleetKeys.doors));
    if (doors.length > 0) {
      tell(`moving the store to layout ${LAYOUT}: ${doors.length} doors`);
      await this.#moveDoors(doors);
    }
    await this.#hold();
    await link.run((client) => client.set(fleetKeys.layout, LAYOUT));
    if (doors.length > 0) tell(`the store has layout ${LAYOUT} now`);
  }

  /** From here on an older relay does not start. Leases that ran out go along: nobody has taken those relays' doors offline yet. */
  async #shutOutOlderRelays(): Promise<void> {
    const { link, clock, tell } = this.#options;
    const nodes = layout1FleetKeys.nodes;
    for (let watched = false; ;) {
      if ((await link.run((client) => client.type(nodes))) === 'string') return;
      const [seconds] = await link.run((client) => client.time());
      const alive = await link.run((client) => client.zcount(nodes, `(${Number(seconds) * 1000}`, '+inf'));
      if (alive > 0) throw olderRelays(alive);
      const leases = await link.run((client) => client.zrange(nodes, 0, -1, 'WITHSCORES'));
      if (leases.length > 0 && !watched) {
        // All leases run out while Redis is away; whoever held one may be well.
        watched = true;
        tell(`looking for ${SIGN_OF_LIFE_MS / 1000} seconds whether a relay of an older version is still there`);
        await sleep(clock, SIGN_OF_LIFE_MS);
        continue;
      }
      for (let index = 0; index < leases.length; index += 2) {
        const [relay = '', end = '0'] = leases.slice(index, index + 2);
        await link.run((client) => client.zadd(fleetKeys.relays, end, relay));
      }
      // Before it is too late to tell that there were such relays.
      if (leases.length > 0 || (await link.run((client) => client.exists(layout1FleetKeys.doors))) === 1)
        await link.run((client) => client.set(fleetKeys.earlierCommands, '1', 'PX', EARLIER_COMMANDS_MS));
      const [outcome, count] = await this.#close(nodes, leases.length / 2);
      if (outcome === 'closed') return;
      if (outcome === 'alive') throw olderRelays(count ?? 0);
    }
  }

  /** From here on an older command line adds no door and exports nothing. */
  async #moveIndex(): Promise<void> {
    const { link } = this.#options;
    const index = layout1FleetKeys.doors;
    while ((await link.run((client) => client.type(index))) !== 'string') {
      const doors = await link.run((client) => client.smembers(index));
      for (let from = 0; from < doors.length; from += MEMBERS_AT_ONCE)
        await link.run((client) => client.sadd(fleetKeys.doors, ...doors.slice(from, from + MEMBERS_AT_ONCE)));
      await this.#close(index, doors.length);
    }
  }

  async #close(key: string, members: number): Promise<readonly ['closed' | 'alive' | 'grown', number?]> {
    return (await this.#options.link.call('layout_close', [key], [members, MOVED])) as ['closed'];
  }

  async #moveDoors(doors: readonly string[]): Promise<void> {
    const { clock, tell } = this.#options;
    let [next, done, entries, toldAt] = [0, 0, 0, clock.monotonic()];
    const work = async (): Promise<void> => {
      for (let doorId = doors[next++]; doorId !== undefined; doorId = doors[next++]) {
        const copied = await this.#moveDoor(doorId);
        entries += copied;
        done += 1;
        if (clock.monotonic() - toldAt < TELL_MS) continue;
        toldAt = clock.monotonic();
        tell(`moved ${done} of ${doors.length} doors, ${entries} audit entries`);
      }
    };
    const workers = Array.from({ length: DOORS_AT_ONCE }, () =>
      work().catch((error: unknown) => {
        // The others finish their door and take no other.
        next = doors.length;
        throw error;
      }),
    );
    const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** A hiccup of Redis must not end a move of many doors. */
  async #moveDoor(doorId: string): Promise<number> {
    let failure: unknown;
    const entries = await persist(
      async () => {
        await this.#hold();
        return moveDoor(this.#options.link, doorId);
      },
      {
        clock: this.#options.clock,
        waitMs: (failures) => (failures < TRIES ? RETRY_MS : undefined),
        signal: new AbortController().signal,
        onError: (error) => {
          failure = error;
          this.#options.tell(
            `door ${doorId} could not be moved: ${error instanceof Error ? error.message : String(error)}`,
          );
        },
      },
    );
    if (entries === undefined) throw failure;
    return entries;
  }

  /** Renews the lock when it is time, once for all who ask; whoever lost it must not go on. */
  async #hold(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#heldAt >= RENEW_MS) {
      this.#heldAt = clock.monotonic();
      this.#holding = this.#renew();
    }
    await this.#holding;
  }

  async #renew(): Promise<void> {
    try {
      if (await holdLock(this.#options.link, this.#token)) return;
    } catch (error) {
      this.#heldAt = -Infinity;
      throw error;
    }
    this.#heldAt = -Infinity;
    throw new OpenLockError('store_unavailable', 'Another OpenLock took over the move of this store; try again.');
  }
}

function olderRelays(count: number): ConfigError {
  const relays = count === 1 ? 'A relay of an older version runs' : `${count} relays of an older version run`;
  return new ConfigError([
    `${relays} on this store. Stop ${count === 1 ? 'it' : 'them'} first, then start this version, which moves the store to a new layout. One that died is forgotten after 10 seconds.`,
  ]);
}
