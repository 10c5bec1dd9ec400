import { RelayUpdates } from '../updates/relay-updates.js';
import type { Doors } from './doors.js';
import type { Relays } from './relays.js';
import type { Base } from './store.js';

export function makeUpdates(base: Base, relays: Relays, { links }: Doors): RelayUpdates {
  const { firmware, rollouts, records: doors } = base.stores;
  const bytesPerSecond = base.config.updateRate * 1024 * 1024;
  return new RelayUpdates({ ...base, ...relays, links, firmware, rollouts, doors, bytesPerSecond });
}
