import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { startTestRelay, type TestRelay } from '../../support/relay.js';
import { startTestRedis } from '../../support/redis.js';
import { quick, RolloutLab } from './support/lab.js';

const BLOCKS = 60;

/** Redis goes away for ten seconds in the middle of a rollout: doors keep their sockets, and everything ends as if it had not. */
describe('a rollout and a store that goes away', function () {
  this.timeout(90_000);
  let lab: RolloutLab;
  let relay: TestRelay;

  before(async () => {
    lab = await RolloutLab.open(await startTestRedis(['--appendonly', 'yes', '--appendfsync', 'always']));
    relay = await startTestRelay(lab.redis.url, { OPENLOCK_UPDATE_RATE: '0' });
    await lab.trustKey();
  });
  after(async () => {
    await relay?.stop();
    await lab?.close();
  });

  it('goes on when the store is back: no door is offered anything twice, and none is lost', async () => {
    // Some will be in the middle of their download, some will have restarted while nobody could write it down.
    const paces = [10, 20, 60, 60, 120, 120];
    const doors = await lab.addDoors(relay, paces.length, (index) => ({
      random: quick,
      update: { paceMs: paces[index] ?? 0 },
    }));
    const image = Buffer.alloc(BLOCKS * 4096, 6);
    const { rolloutId } = await lab.start(await lab.published('1.1.0', { image }), {
      stages: [{ count: 4 }, { percent: 100 }],
    });
    await Promise.race(doors.map((door) => door.reaches('downloading')));
    await lab.redis.kill();
    await sleep(10_000);
    const alive = doors.filter(({ door }) => door.live);
    await lab.redis.restart();
    const view = await lab.ended(rolloutId, 'completed', 60_000);
    // A door whose download was done had restarted, and nobody could register it; the others kept their sockets.
    expect(alive.length).to.be.above(0);
    expect(view.counts.confirmed).to.equal(paces.length);
    expect(view.failures).to.equal(0);
    for (const door of doors) {
      expect(door.version).to.equal('1.1.0');
      expect(door.count('rebooting')).to.equal(1);
      expect(door.offeredOncePerConnection, JSON.stringify(door.offers)).to.equal(true);
      expect(new Set(door.offers.flat()).size).to.equal(1);
      expect(door.door.updateCounts).to.include({ bytes: image.length, strays: 0 });
    }
  });
});
