import { expect } from 'chai';

import type { UpdateFault } from '../../../src/simulator/updates/options.js';
import { until } from '../../support/counting.js';
import { startTestRelay, type TestRelay } from '../../support/relay.js';
import { doorOf, RolloutLab } from './support/lab.js';
import type { Watched } from './support/watched.js';

/** Protocol 12.3 on one relay: stages, soak, limits, and the operator's hand on it. */
describe('a rollout in stages', function () {
  this.timeout(90_000);
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

  const failing = (doors: readonly number[], fault: UpdateFault) => (index: number) =>
    doors.includes(index) ? { update: { fault: () => fault } } : {};
  const confirmedAt = (doors: readonly Watched[]): readonly number[] =>
    doors.flatMap((door) => door.step('confirmed')?.at ?? []).sort((a, b) => a - b);
  const offeredAt = (doors: readonly Watched[]): readonly number[] =>
    doors.flatMap((door) => door.step('offer')?.at ?? []).sort((a, b) => a - b);

  it('updates twenty doors in three stages, each opened when the one before has succeeded and soaked', async () => {
    const doors = await lab.addDoors(relay, 20);
    const release = await lab.published('1.1.0');
    const soakMs = 600;
    const { rolloutId } = await lab.start(release, {
      stages: [{ percent: 10 }, { percent: 50 }, { percent: 100 }],
      soakMs,
    });
    const view = await lab.ended(rolloutId, 'completed');
    expect(view.counts.confirmed).to.equal(20);
    expect(view.bytesSent).to.equal(20 * release.image.length);
    for (const door of doors) {
      expect(door.version).to.equal('1.1.0');
      expect(door.door.updateImage?.equals(release.image)).to.equal(true);
      expect(door.count('offer')).to.equal(1);
    }
    const [offers, confirmations] = [offeredAt(doors), confirmedAt(doors)];
    for (const [stageEnd, next] of [
      [2, 2],
      [10, 10],
    ] as const) {
      const gap = (offers[next] ?? 0) - (confirmations[stageEnd - 1] ?? Infinity);
      // A soak begins with the relay's record of the last door, a moment after or before the door's own frame.
      expect(gap, `door ${next + 1} waits for ${stageEnd} and their soak`).to.be.above(soakMs - 300);
    }
    expect(view.stages.map(({ doors: count, state }) => [count, state])).to.deep.equal([
      [2, 'done'],
      [10, 'done'],
      [20, 'done'],
    ]);
  });

  it('halts past a number of failures, opens no further stage, and says why; every failed door is back on its image and says why', async () => {
    const doors = await lab.addDoors(relay, 10, failing([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { kind: 'boot_fails' }));
    const { rolloutId } = await lab.start(await lab.published('1.2.0'), {
      stages: [{ count: 3 }, { percent: 100 }],
      maxFailures: { count: 2 },
    });
    const view = await lab.ended(rolloutId, 'halted');
    expect(view.reason).to.match(/3 failed/);
    expect(view.counts).to.include({ rolled_back: 3, waiting: 7 });
    for (const door of view.doors.filter(({ state }) => state === 'rolled_back'))
      expect(door.code).to.equal('boot_failed');
    expect(doors.filter((door) => door.count('offer') > 0)).to.have.length(3);
    for (const door of doors) expect(door.version).to.equal('1.0.0');
  });

  it('halts past a percentage of the opened doors, and stands what is below it', async () => {
    const stand = await lab.addDoors(relay, 10, failing([0], { kind: 'write_fails', atPercent: 50 }));
    const standing = await lab.published('1.3.0');
    const first = await lab.start(standing, { maxFailures: { percent: 10 }, doors: stand.map(({ doorId }) => doorId) });
    expect((await lab.ended(first.rolloutId, 'completed')).counts).to.include({ confirmed: 9, failed: 1 });
    const fall = await lab.addDoors(relay, 10, failing([0, 1], { kind: 'flips_byte' }));
    const second = await lab.start(standing, {
      maxFailures: { percent: 10 },
      doors: fall.map(({ doorId }) => doorId),
      parallel: 1,
    });
    const view = await lab.ended(second.rolloutId, 'halted');
    expect(view.reason).to.match(/10%/);
    expect(view.counts.failed).to.equal(2);
    expect(view.doors.filter(({ state }) => state === 'failed').map(({ code }) => code)).to.deep.equal([
      'hash_mismatch',
      'hash_mismatch',
    ]);
  });

  it('is not halted by one door of a few that fails or lies, in whichever stage its turn comes, and is by two', async () => {
    const few = await lab.addDoors(relay, 5, failing([2], { kind: 'boot_fails' }));
    const release = await lab.published('1.3.1');
    const settings = { stages: [{ percent: 1 }, { percent: 100 }], maxFailures: { percent: 5 }, soakMs: 0 };
    const first = await lab.start(release, { ...settings, doors: few.map(({ doorId }) => doorId) });
    const view = await lab.until(first.rolloutId, ({ state }) => state !== 'running');
    expect([view.state, view.reason]).to.deep.equal(['completed', undefined]);
    expect(view.counts).to.include({ confirmed: 4, rolled_back: 1 });
    const more = await lab.addDoors(relay, 5, failing([1, 3], { kind: 'boot_fails' }));
    const second = await lab.start(release, { ...settings, doors: more.map(({ doorId }) => doorId), parallel: 1 });
    expect((await lab.ended(second.rolloutId, 'halted')).counts).to.include({ rolled_back: 2 });
  });

  it('gives no further door its turn while it is paused, and goes on when it is resumed', async () => {
    const doors = await lab.addDoors(relay, 6, () => ({ update: { paceMs: 150 } }));
    const { rolloutId } = await lab.start(await lab.published('1.4.0'), { parallel: 2 });
    await until(() => doors.filter((door) => door.count('downloading') > 0).length === 2, 15_000);
    await lab.operator.rollouts.pause(rolloutId);
    const paused = await lab.until(
      rolloutId,
      ({ counts }) => counts.offered + counts.downloading + counts.verified + counts.rebooting === 0,
    );
    expect(paused.state).to.equal('paused');
    // Downloads under way were finished: pausing holds back, it does not break off.
    expect(paused.counts).to.include({ confirmed: 2, waiting: 4 });
    await new Promise((resolve) => setTimeout(resolve, 2500)); // two looks of driver and relay
    expect(doors.filter((door) => door.count('offer') > 0)).to.have.length(2);
    await lab.operator.rollouts.resume(rolloutId);
    expect((await lab.ended(rolloutId, 'completed')).counts.confirmed).to.equal(6);
    for (const door of doors) expect(door.count('offer')).to.equal(1);
  });

  it('stops downloads when it is cancelled: not a byte more, and no success', async () => {
    const doors = await lab.addDoors(relay, 4, () => ({ update: { paceMs: 60 } }));
    const release = await lab.published('1.5.0', { image: Buffer.alloc(60 * 4096, 7) });
    const { rolloutId } = await lab.start(release);
    await Promise.all(doors.map((door) => door.reaches('downloading')));
    await lab.operator.rollouts.cancel(rolloutId);
    const view = await lab.until(rolloutId, ({ counts }) => counts.waiting === 4);
    expect(view.state).to.equal('cancelled');
    await new Promise((resolve) => setTimeout(resolve, 500)); // blocks that were asked for before
    const bytes = doors.map(({ door }) => door.updateCounts.bytes);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(doors.map(({ door }) => door.updateCounts.bytes)).to.deep.equal(bytes);
    for (const door of doors) expect(door.version).to.equal('1.0.0');
    // And the same release can be rolled out again; downloads go on where they were.
    const again = await lab.start(release);
    expect((await lab.ended(again.rolloutId, 'completed', 60_000)).counts.confirmed).to.equal(4);
    for (const { door } of doors) expect(door.updateCounts.bytes).to.equal(release.image.length);
  });

  it('ends at once when the release is withdrawn, and says so', async () => {
    const doors = await lab.addDoors(relay, 4, () => ({ update: { paceMs: 100 } }));
    const release = await lab.published('1.6.0', { image: Buffer.alloc(60 * 4096, 9) });
    const { rolloutId } = await lab.start(release, { parallel: 2 });
    await until(() => doors.filter((door) => door.count('downloading') > 0).length === 2, 15_000);
    await lab.operator.releases.withdraw(release.sha256);
    const view = await lab.ended(rolloutId, 'halted', 5000);
    expect(view.reason).to.match(/withdrawn/);
    await lab.until(rolloutId, ({ counts }) => counts.waiting === 4);
    for (const door of doors) expect(door.version).to.equal('1.0.0');
    expect(doors.filter((door) => door.count('offer') > 0)).to.have.length(2);
    const refused = await lab.operator.rollouts.resume(rolloutId).then(
      () => lab.ended(rolloutId, 'halted', 5000),
      (error: unknown) => error,
    );
    expect(refused instanceof Error ? refused.message : (refused as { reason?: string }).reason).to.match(/withdrawn/);
    expect(doors.filter((door) => door.count('offer') > 0)).to.have.length(2);
  });

  it('never offers a release to a door again on which it failed, in whatever rollout', async () => {
    const [bad, good] = await lab.addDoors(relay, 2, failing([0], { kind: 'boot_fails' }));
    const release = await lab.published('1.7.0');
    const first = await lab.start(release);
    const halted = await lab.ended(first.rolloutId, 'halted');
    expect(doorOf(halted, bad?.doorId ?? '')).to.include({ state: 'rolled_back', code: 'boot_failed' });
    await lab.operator.rollouts.resume(first.rolloutId);
    await lab.ended(first.rolloutId, 'completed');
    const second = await lab.start(release, { maxFailures: { count: 5 } });
    const view = await lab.ended(second.rolloutId, 'completed');
    expect(doorOf(view, bad?.doorId ?? '')).to.include({ state: 'failed', code: 'failed_before' });
    expect(bad?.count('offer')).to.equal(1);
    expect(good?.count('offer')).to.equal(1);
    // A better release is another matter.
    const better = await lab.start(await lab.published('1.7.1'), { maxFailures: { count: 5 } });
    await lab.until(better.rolloutId, ({ state }) => state !== 'running');
    expect(bad?.count('offer')).to.equal(2);
  });
});
