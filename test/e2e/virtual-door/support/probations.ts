/** What must hold when a door is told to go to a server that is not there; the time is 3 minutes in the field. */
import { expect } from 'chai';

import { PASSWORD, type HostDoor } from './host-door.js';
import type { Scene } from './scene.js';
import { Witness } from './witness.js';

const DEAD = 'https://localhost:1';

/** Sends the door to a dead server and expects it back on the old one, locked, with the event that says so. */
export async function revertsFromDeadServer(scene: Scene, door: HostDoor, probationMs: number): Promise<void> {
  const sdk = scene.sdk();
  const witness = await Witness.of(sdk, door.doorId);
  const pinned = sdk.door(door.doorId, { kid: door.kid });
  const since = door.mark;
  const begun = Date.now();
  const { receipt } = await pinned.configure({ password: PASSWORD, params: { serverAddress: DEAD } });
  expect(receipt.code, 'stored, which is not yet accepted').to.equal('ok');
  await door.line({ t: 'door', server: DEAD }, since);
  await door.line({ t: 'trouble', error: 'unreachable' }, since);
  await door.line({ t: 'door', server: scene.cable.origin }, since, probationMs + 30_000);
  expect(Date.now() - begun).to.be.greaterThan(probationMs);
  expect(await witness.event('configured')).to.deep.include({ data: { outcome: 'reverted' } });
  expect(
    door.pin.every((active) => !active),
    'pin',
  ).to.equal(true);
  await pinned.unlock({ password: PASSWORD });
}
