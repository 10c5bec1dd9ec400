import { cpSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import type { Door } from '../../../src/client/index.js';
import { needVirtualDoor, PASSWORD, type HostDoor, type StateDir } from './support/host-door.js';
import { comesBackAfter } from './support/outages.js';
import { Scene } from './support/scene.js';
import { Witness } from './support/witness.js';

describe('a virtual door on a network that fails', function () {
  this.timeout(90_000);
  let scene: Scene;
  let count = 0;
  let door: HostDoor;
  let state: StateDir;
  let pinned: Door;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start();
  });

  after(() => scene?.end());

  beforeEach(async () => {
    count += 1;
    ({ door, state } = await scene.enrolledDoor({ doorId: `door-${count}` }));
    pinned = scene.sdk().door(door.doorId, { kid: door.kid });
  });

  afterEach(() => door?.kill());

  it('comes back by itself after a cut of 3 s, as it was', () =>
    comesBackAfter(scene, door, { cut: 'unplug', forMs: 3000 }));

  it('outlives 3 s in which nothing passes without losing its session', async () => {
    const since = door.mark;
    scene.cable.silence();
    const late = pinned.unlock({ password: PASSWORD, holdMs: 0 });
    await delay(3000);
    expect(door.pin).to.deep.equal([false]);
    scene.cable.plug();
    expect((await late).receipt.code).to.equal('ok');
    expect(door.lines.slice(since).filter((line) => line.t === 'session')).to.deep.equal([]);
  });

  it('sends a result again that was lost with its connection (protocol 5.7)', async () => {
    const since = door.mark;
    scene.cable.muffle();
    const opened = pinned.unlock({ password: PASSWORD, holdMs: 0 });
    await door.line({ t: 'relay', active: true }, since);
    await delay(100); // the result is on its way, and will not arrive
    scene.cable.unplug();
    scene.cable.plug();
    expect((await opened).receipt.code).to.equal('ok');
    await door.live(since);
    expect(door.pin).to.deep.equal([false, true]);
  });

  it('relocks by itself while offline, and tells when it is back', async () => {
    const witness = await Witness.of(scene.sdk(), door.doorId);
    await pinned.unlock({ password: PASSWORD, holdMs: 2500 });
    scene.cable.unplug();
    await door.line({ t: 'trouble' });
    const since = door.mark;
    await door.line({ t: 'relay', active: false }, since);
    expect(
      door.lines.slice(since).some((line) => line['state'] === 'live'),
      'was online',
    ).to.equal(false);
    scene.cable.plug();
    expect(await witness.event('locked')).to.deep.include({ data: { cause: 'relock' } });
    await door.live(since);
    expect(door.pin).to.deep.equal([false, true, false]);
  });

  for (const { failSafe, atStart, pin } of [
    { failSafe: 'lock', atStart: 'unlock', pin: [false, true, false] },
    { failSafe: 'keep', atStart: 'unlock', pin: [false, true] },
    { failSafe: 'keep', atStart: 'lock', pin: [false] },
    { failSafe: 'lock', atStart: 'lock', pin: [false] },
  ] as const) {
    it(`offline for too long, ${atStart}ed and set to ${failSafe}: ends ${pin.at(-1) ? 'unlocked' : 'locked'}, and never opens for want of a network`, async () => {
      const witness = await Witness.of(scene.sdk(), door.doorId);
      await pinned.configure({ password: PASSWORD, params: { failSafe, failSafeAfterMs: 1000 } });
      await pinned.command(atStart, { password: PASSWORD }, atStart === 'unlock' ? { holdMs: 0 } : undefined);
      const since = door.mark;
      scene.cable.unplug();
      await door.line({ t: 'trouble' }, since);
      await delay(2000);
      expect(door.pin).to.deep.equal(pin);
      scene.cable.plug();
      await witness.event('fail_safe_entered');
      await witness.event('fail_safe_left');
      expect(door.pin).to.deep.equal(pin);
    });
  }

  it('is superseded by its double, which then has the door alone, and returns when the double is gone', async () => {
    // A copied state directory is the same door twice: same key, same id.
    const copy = scene.newState();
    await door.stop();
    cpSync(state.path, copy.path, { recursive: true });
    door = await scene.liveDoor({ doorId: door.doorId, state });
    const since = door.mark;
    const double = await scene.startDoor({ doorId: door.doorId, state: copy });
    await double.live();
    await door.line({ t: 'trouble', closeCode: 4001 }, since);
    await double.kill();
    await door.live(door.lines.findIndex((line) => line['closeCode'] === 4001));
    await opensOnce(pinned, [door, double]);
  });

  it('returns to a relay that was restarted, without enrolling again', async () => {
    const since = door.mark;
    const restarted = scene.restartRelay();
    await door.line({ t: 'trouble', closeCode: 1001 }, since);
    await restarted;
    await door.live(since, 60_000);
    await opensOnce(scene.sdk().door(door.doorId, { kid: door.kid }), [door]);
  });

  it('registers again when its session is no longer known', async () => {
    await scene.admin.disable(door.doorId);
    await door.line({ t: 'trouble', closeCode: 4003 });
    await scene.admin.enable(door.doorId);
    // Told to stay away for an hour, it does; a restart at the device is the owner's way back.
    door.say('restart');
    await door.line({ t: 'stopped' });
    await door.live(door.lines.findIndex((line) => line.t === 'stopped'));
    await opensOnce(pinned, [door]);
  });
});

async function opensOnce(pinned: Door, doors: readonly HostDoor[]): Promise<void> {
  const opened = (): number => doors.reduce((sum, { pin }) => sum + pin.filter((active) => active).length, 0);
  const before = opened();
  expect((await pinned.unlock({ password: PASSWORD, holdMs: 0 })).receipt.code).to.equal('ok');
  await pinned.lock({ password: PASSWORD });
  expect(opened()).to.equal(before + 1);
}
