import { RelayUpdates } from '../updates/relay-updates.js';
import type { Doors } from './doors.js';
import type { Relays } from './relays.js';
import type { Base } from './store.js';

export function makeUpdates(base: Base, relays: Relays, { links }: Doors): RelayUpdates {
  const { firmware, rollouts, records: doors } = base.stores;
  // The rate is the host's, whose network it loads.
  const bytesPerSecond = (base.config.updateRate * 1024 * 1024) / (base.member?.count ?? 1);
  return new RelayUpdates({ ...base, ...relays, links, firmware, rollouts, doors, bytesPerSecond });
}
