import { storesOn, type Stores } from '../../../../src/app/store.js';
import { systemClock, systemRandom, type Clock } from '../../../../src/clock.js';
import { EarlierCommands } from '../../../../src/store/layout/earlier-commands.js';
import type { StoreAccess } from '../../../../src/store/layout/layout-1.js';
import { upgradeStore } from '../../../../src/store/layout/upgrade.js';
import type { RedisLink } from '../../../../src/store/redis-link.js';

/** Waits pass a hundred times faster. */
export const hurriedClock: Clock = { ...systemClock, after: (ms, work) => systemClock.after(ms / 100, work) };

export interface Upgrading {
  readonly clock?: Clock;
  readonly waitMs?: number;
  readonly tell?: (text: string) => void;
}

export const upgrade = (
  link: StoreAccess,
  { clock = hurriedClock, waitMs = 0, tell = () => undefined }: Upgrading = {},
): Promise<void> => upgradeStore({ link, clock, random: systemRandom, tell, waitMs });

/** The stores as a relay has them that was started after a move. */
export async function storesAfter(link: RedisLink): Promise<Stores> {
  return storesOn(link, undefined, await EarlierCommands.of(link, systemClock));
}

/** A command whose minute the asker does not know. */
export const named = (doorId: string, commandId: string) => ({ doorId, commandId, minute: undefined });
