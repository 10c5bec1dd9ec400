import { expect } from 'chai';

import { makeReleaseKey } from '../../support/releases.js';
import { startTestRelay, type TestRelay } from '../../support/relay.js';
import { doorOf, quick, RolloutLab } from './support/lab.js';

/** What happens to a rollout when the world changes under it. */
describe('a rollout that is interrupted', function () {
  this.timeout(60_000);
  let lab: RolloutLab;
  let relay: TestRelay;

  before(async () => {
    lab = await RolloutLab.open();
    relay = await startTestRelay(lab.redis.url, { OPENLOCK_UPDATE_RATE: '0' });
    await lab.trustKey();
  });
  afterEach(() => lab.stopDoors());
  after(async () => {
    await relay?.stop();
    await lab?.close();
  });

  const long = (fill: number): Buffer => Buffer.alloc(40 * 4096, fill);
  const slow = (): { random: typeof quick; update: { paceMs: number } } => ({ random: quick, update: { paceMs: 50 } });

  it('halts when the key that signed the release is trusted no more', async () => {
    const other = makeReleaseKey();
    await lab.operator.releases.trust(other.pem);
    const [door, next] = await lab.addDoors(relay, 2, () => ({
      random: quick,
      update: { paceMs: 50, releaseKeys: [other.pem] },
    }));
    const { rolloutId } = await lab.start(await lab.published('1.1.0', { key: other, image: long(1) }), {
      parallel: 1,
    });
    await Promise.race([door?.reaches('downloading'), next?.reaches('downloading')]);
    await lab.operator.releases.distrust(other.kid);
    const view = await lab.ended(rolloutId, 'halted', 5000);
    expect(view.reason).to.match(/unknown_key/);
    await lab.until(rolloutId, ({ counts }) => counts.waiting === 2);
    expect([door?.version, next?.version]).to.deep.equal(['1.0.0', '1.0.0']);
    expect((door?.count('offer') ?? 0) + (next?.count('offer') ?? 0)).to.equal(1);
  });

  it('halts when the release runs out, and no door that has not begun is offered it', async () => {
    const doors = await lab.addDoors(relay, 2, slow);
    const { rolloutId } = await lab.start(
      await lab.published('1.2.0', { image: long(2), claims: { expiresAt: Date.now() + 1500 } }),
      { parallel: 1 },
    );
    const view = await lab.ended(rolloutId, 'halted', 10_000);
    expect(view.reason).to.match(/expired/);
    expect(doors.filter((door) => door.count('offer') > 0)).to.have.length(1);
  });

  it('ends without a door that is disabled, or removed, in the middle of its download', async () => {
    const [disabled, removed, good] = await lab.addDoors(relay, 3, slow);
    const { rolloutId } = await lab.start(await lab.published('1.3.0', { image: long(3) }), {
      doorTimeoutMs: 4000,
      maxFailures: { count: 5 },
    });
    await Promise.all([disabled?.reaches('downloading'), removed?.reaches('downloading')]);
    await lab.admin.disable(disabled?.doorId ?? '');
    await lab.admin.remove(removed?.doorId ?? '');
    const view = await lab.ended(rolloutId, 'completed', 30_000);
    expect(view.counts.confirmed).to.equal(1);
    expect(good?.version).to.equal('1.3.0');
    expect([disabled?.version, removed?.version]).to.deep.equal(['1.0.0', '1.0.0']);
    expect(view.failures).to.equal(0);
  });

  it('sets right what it had given up, when a door returns late from the new image', async () => {
    const [late, away] = await lab.addDoors(relay, 2, () => ({ random: quick }));
    // The rollout goes on until this one comes, so that the late one finds it running.
    await away?.door.stop();
    // The plug is pulled at the moment it restarts, so nothing comes back until it is put in again.
    const gone = new Promise<void>((resolve) =>
      late?.door.on('update', ({ phase }) => phase === 'rebooting' && resolve(late.door.stop())),
    );
    const { rolloutId } = await lab.start(await lab.published('1.4.0', { image: long(4) }), {
      doorTimeoutMs: 1500,
      maxFailures: { count: 5 },
    });
    await gone;
    const given = await lab.until(rolloutId, ({ counts, failures }) => counts.timed_out === 1 && failures === 1);
    expect(doorOf(given, late?.doorId ?? '').state).to.equal('timed_out');
    const back = await lab.connect(relay, late?.doorId ?? '');
    await lab.until(rolloutId, ({ counts, failures }) => counts.confirmed === 1 && failures === 0);
    expect(back.version).to.equal('1.4.0');
    expect(back.count('offer')).to.equal(0);
    await lab.connect(relay, away?.doorId ?? '', { random: quick });
    const view = await lab.ended(rolloutId, 'completed');
    expect([view.failures, view.counts.confirmed]).to.deep.equal([0, 2]);
  });

  it('carries rollouts for two boards out at the same time, each to its own doors', async () => {
    const other = 'other-board';
    const [a, b] = [
      await lab.addDoor(relay),
      await lab.addDoor(relay, { firmware: { version: '1.0.0', board: other, securityVersion: 1 } }),
    ];
    const [first, second] = [await lab.published('1.5.0'), await lab.published('2.5.0', { board: other })];
    const [one, two] = await Promise.all([lab.start(first), lab.start(second)]);
    await Promise.all([lab.ended(one.rolloutId, 'completed'), lab.ended(two.rolloutId, 'completed')]);
    expect([a.version, b.version]).to.deep.equal(['1.5.0', '2.5.0']);
    expect(a.count('offer') + b.count('offer')).to.equal(2);
  });

  it('refuses a second rollout to the same doors while the first goes on', async () => {
    await lab.addDoors(relay, 2, slow);
    const { rolloutId } = await lab.start(await lab.published('1.6.0', { image: long(6) }));
    const refused = await lab.start(await lab.published('1.6.1')).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error).and.to.include({ code: 'invalid_request' });
    await lab.ended(rolloutId, 'completed');
  });

  it('goes on with the doors of a relay that is restarted in order', async () => {
    const port = String(relay.port);
    const doors = await lab.addDoors(relay, 3, slow);
    const image = long(7);
    const { rolloutId } = await lab.start(await lab.published('1.7.0', { image }));
    await Promise.all(doors.map((door) => door.reaches('downloading')));
    const { dataDir } = relay;
    await relay.app.stop();
    relay = await startTestRelay(lab.redis.url, {
      OPENLOCK_UPDATE_RATE: '0',
      OPENLOCK_PORT: port,
      OPENLOCK_DATA_DIR: dataDir,
    });
    const view = await lab.ended(rolloutId, 'completed', 40_000);
    expect(view.counts.confirmed).to.equal(3);
    for (const door of doors) {
      expect(door.count('rebooting')).to.equal(1);
      expect(door.offeredOncePerConnection).to.equal(true);
      expect(door.door.updateCounts).to.include({ bytes: image.length });
    }
    expect(doorOf(view, doors[0]?.doorId ?? '').code).to.equal(undefined);
  });
});
