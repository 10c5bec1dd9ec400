/** What must hold after every outage, short in the test command and long in `npm run test:long`. */
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import { PASSWORD, type HostDoor } from './host-door.js';
import type { Scene } from './scene.js';
import { Witness } from './witness.js';

export interface Outage {
  /** `unplug`: both ends see it at once; `silence`: they have to find out. */
  readonly cut: 'unplug' | 'silence';
  readonly forMs: number;
}

/** Unlocks for good, cuts, waits, plugs in again: the door is back within a minute, still unlocked, and obeys, once. */
export async function comesBackAfter(scene: Scene, door: HostDoor, { cut, forMs }: Outage): Promise<void> {
  const sdk = scene.sdk();
  const witness = await Witness.of(sdk, door.doorId);
  const pinned = sdk.door(door.doorId, { kid: door.kid });
  await pinned.unlock({ password: PASSWORD, holdMs: 0 });
  const since = door.mark;
  scene.cable[cut]();
  if (cut === 'unplug') await witness.event('offline');
  await delay(forMs);
  scene.cable.plug();
  await door.live(since, 90_000);
  await witness.event(
    'online',
    witness.seen.findIndex(({ kind }) => kind === 'offline'),
  );
  expect(door.pin).to.deep.equal([false, true]);
  expect((await pinned.status({ password: PASSWORD })).state).to.include({ lock: 'unlocked', mode: 'normal' });
  await pinned.lock({ password: PASSWORD });
  expect(door.pin).to.deep.equal([false, true, false]);
}
