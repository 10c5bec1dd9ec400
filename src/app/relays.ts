import { RelayBus } from '../relays/bus.js';
import { RelayLease } from '../relays/lease.js';
import type { Base } from './store.js';

export function makeRelays(base: Base) {
  const { mail, relays } = base.stores;
  const bus = new RelayBus({ ...base, mail });
  return { bus, lease: new RelayLease({ ...base, relays, bus }) };
}
export type Relays = ReturnType<typeof makeRelays>;
