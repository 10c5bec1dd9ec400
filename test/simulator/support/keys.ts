import { DoorIdentity } from '../../../src/simulator/identity.js';

let shared: Promise<DoorIdentity> | undefined;

/** One key for all tests that only need some key: making one takes a tenth of a second or more. */
export function testIdentity(): Promise<DoorIdentity> {
  shared ??= DoorIdentity.generate();
  return shared;
}
