import { expect } from 'chai';

import type { Door } from '../../../src/client/index.js';
import { needVirtualDoor, PASSWORD, type HostDoor, type StateDir } from './support/host-door.js';
import { NetworkCable } from './support/network-cable.js';
import { revertsFromDeadServer } from './support/probations.js';
import { Scene } from './support/scene.js';
import { Witness } from './support/witness.js';

/** Protocol 6.3: a critical change is taken back unless a relay accepts the door on it. Here in 3 s instead of 3 minutes. */
describe('settings of a virtual door on probation', function () {
  this.timeout(90_000);
  const probationMs = 3000;
  let scene: Scene;
  let second: NetworkCable;
  let count = 0;
  let state: StateDir;
  let door: HostDoor;
  let pinned: Door;

  before(async function () {
    await needVirtualDoor(this);
    second = await NetworkCable.start();
    scene = await Scene.start({}, [second.origin]);
    second.upstream = scene.relay.port;
  });

  after(async () => {
    await scene?.end();
    await second?.stop();
  });

  beforeEach(async () => {
    count += 1;
    ({ door, state } = await scene.enrolledDoor({ doorId: `door-${count}`, probationMs }));
    pinned = scene.sdk().door(door.doorId, { kid: door.kid });
  });

  afterEach(() => door?.kill());

  it('go back by themselves when the new server is dead', () => revertsFromDeadServer(scene, door, probationMs));

  it('are kept when a relay accepts the door on them', async () => {
    const witness = await Witness.of(scene.sdk(), door.doorId);
    await pinned.configure({ password: PASSWORD, params: { serverAddress: second.origin } });
    expect(await witness.event('configured')).to.deep.include({ data: { outcome: 'kept' } });
    door.say('show');
    await door.line({ t: 'console', text: `serverAddress = ${second.origin}` });
    await door.kill();
    // The first address is gone for good, and given again as an argument it undoes nothing.
    door = await scene.liveDoor({ doorId: door.doorId, state, server: second.origin });
    await pinned.unlock({ password: PASSWORD });
  });

  it('go back when the door id is one the relay does not know with this key', async () => {
    const witness = await Witness.of(scene.sdk(), door.doorId);
    await pinned.configure({ password: PASSWORD, params: { doorId: 'somebody-else' } });
    expect(await witness.event('configured')).to.deep.include({ data: { outcome: 'reverted' } });
    await pinned.unlock({ password: PASSWORD });
  });

  it('go back when the power is cut in the middle, however often', async () => {
    const since = door.mark;
    await pinned.configure({ password: PASSWORD, params: { serverAddress: 'https://localhost:1' } });
    await door.line({ t: 'stopped', why: 'restart' }, since);
    for (let cut = 0; cut < 3; cut += 1) {
      await door.kill();
      door = await scene.startDoor({ doorId: door.doorId, state, probationMs });
      await door.line({ t: 'door', server: 'https://localhost:1' });
    }
    await door.line({ t: 'stopped', why: 'restart' });
    await door.live();
    await pinned.unlock({ password: PASSWORD });
  });
});
