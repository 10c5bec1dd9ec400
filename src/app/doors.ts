import { Challenges } from '../doors/challenge.js';
import { DoorAccess } from '../doors/door-access.js';
import { DoorService } from '../doors/door-service.js';
import { LiveDoors } from '../doors/live-door.js';
import type { FleetSecrets } from '../sites/fleet-secrets.js';
import type { PublicOrigins } from './public-origins.js';
import type { Relays } from './relays.js';
import type { Base } from './store.js';

export function makeDoors(base: Base, { lease }: Relays, secrets: FleetSecrets, origins: PublicOrigins) {
  const { stores, clock, random } = base;
  const access = new DoorAccess({ ...stores, clock });
  const challenges = new Challenges(secrets.mac('challenge'), clock, random);
  const audiences = (): readonly string[] => origins.audiences;
  const doors = new DoorService({ ...stores, ...base, access, lease, challenges, audiences });
  return { access, doors, links: new LiveDoors() };
}
export type Doors = ReturnType<typeof makeDoors>;
