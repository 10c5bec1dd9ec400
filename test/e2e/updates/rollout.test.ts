import { expect } from 'chai';

import type { RolloutView } from '../../../src/operators/rollout-view.js';
import { faultyImage, type Fault } from '../../support/virtual-images.js';
import { needVirtualDoor } from '../virtual-door/support/host-door.js';
import { Fleet, type Published } from './support/fleet.js';

const DOORS = 20;
const IMAGE_BYTES = 600_000;

/** Everything real but the wood: operator, relay, doors (protocol 12). */
describe('a rollout to 20 virtual doors', function () {
  this.timeout(180_000);
  let fleet: Fleet;
  let good: Published;
  /** Doors by the version that went wrong on them. */
  const failedOn = new Map<string, readonly string[]>();

  before(async function () {
    await needVirtualDoor(this);
    fleet = await Fleet.start();
    await fleet.openlock('firmware', 'keygen', '--out', fleet.keyFile);
    await fleet.openlock('firmware', 'trust', 'add', fleet.publicKeyFile);
    await fleet.enrol(DOORS);
  });

  after(() => fleet?.end());

  /** Doors that a rollout has touched, in any way. */
  const touched = (view: RolloutView): number => view.doors.filter(({ state }) => state !== 'waiting').length;

  it('updates them in stages, also those whose power is cut on the way, and counts only what they prove', async () => {
    good = await fleet.publish(fleet.built, '1.1.0', IMAGE_BYTES);
    const { rolloutId } = await fleet.openlock(
      'rollout',
      'start',
      '1.1.0',
      '--stages',
      '1,50%,100%',
      '--soak',
      '1',
      '--max-failures',
      '0',
    );
    const unlucky = new Set(fleet.doors.slice(-3));
    const reboots: Promise<void>[] = [];
    const end = await fleet.ended(String(rolloutId), (view) => {
      const open = view.stages[view.stage - 1];
      expect(touched(view), 'doors that have had their turn').to.be.at.most(open?.doors ?? 0);
      for (const cut of unlucky) {
        if (view.doors.find(({ doorId }) => doorId === cut.doorId)?.state !== 'downloading') continue;
        unlucky.delete(cut);
        reboots.push(fleet.reboot(cut));
      }
    });
    await Promise.all(reboots);
    expect(end).to.deep.include({ state: 'completed', failures: 0 });
    expect(end.counts.confirmed).to.equal(DOORS);
    expect(end.bytesSent).to.be.within(DOORS * IMAGE_BYTES, DOORS * IMAGE_BYTES + 3 * 4096);
    expect(reboots, 'power cuts').to.have.length(3);
    await fleet.expectAllOn(good);
  });

  const losers: readonly {
    readonly title: string;
    readonly fault: Fault;
    readonly version: string;
    readonly code: string;
  }[] = [
    { title: 'crashes at boot', fault: 'crashes', version: '1.2.0', code: 'boot_failed' },
    { title: 'cannot reach the relay', fault: 'unreachable', version: '1.3.0', code: 'not_confirmed' },
  ];
  for (const { title, fault, version, code } of losers) {
    it(`halts by itself at a release that ${title}; every door is back on the old image and says why`, async () => {
      await fleet.publish(await faultyImage(fault), version);
      const { rolloutId } = await fleet.openlock(
        'rollout',
        'start',
        version,
        '--stages',
        '2,100%',
        '--soak',
        '0',
        '--max-failures',
        '1',
      );
      const follow = await fleet.start('rollout', 'status', String(rolloutId), '--follow').done;
      expect(follow.code, follow.stdout).to.equal(1);
      expect(follow.stderr).to.contain('halted');
      expect(follow.stdout).to.match(new RegExp(`fleet-\\d\\d {2}rolled_back.* ${code}`));
      const end = await fleet.ended(String(rolloutId), () => undefined);
      expect(end).to.include({ state: 'halted', failures: 2 });
      expect(end.counts).to.include({ rolled_back: 2, confirmed: 0, waiting: DOORS - 2 });
      expect(end.doors.filter(({ state }) => state === 'rolled_back').map((door) => door.code)).to.deep.equal([
        code,
        code,
      ]);
      expect(touched(end)).to.equal(2);
      failedOn.set(
        version,
        end.doors.filter(({ state }) => state === 'rolled_back').map(({ doorId }) => doorId),
      );
      await fleet.expectAllOn(good);
    });
  }

  it('brings back nothing older, and offers no release again to a door it failed on', async () => {
    await fleet.publish(fleet.built, '1.0.9');
    for (const args of [['1.0.9'], ['1.2.0', '--doors', failedOn.get('1.2.0')?.join(',') ?? '']]) {
      const marks = fleet.doors.map(({ door }) => door.mark);
      const { rolloutId } = await fleet.openlock(
        'rollout',
        'start',
        ...args,
        '--stages',
        '100%',
        '--soak',
        '0',
        '--max-failures',
        '0',
      );
      const end = await fleet.ended(String(rolloutId), () => undefined);
      expect(end.counts.confirmed, args.join(' ')).to.equal(0);
      fleet.doors.forEach(({ doorId, door }, index) =>
        expect(
          door.lines.slice(marks[index]).filter(({ t }) => t === 'update'),
          doorId,
        ).to.deep.equal([]),
      );
    }
    await fleet.expectAllOn(good);
  });

  it('goes through with a better one, on the doors of the bad ones, too', async () => {
    const better = await fleet.publish(fleet.built, '1.4.0');
    const { rolloutId } = await fleet.openlock(
      'rollout',
      'start',
      '1.4.0',
      '--stages',
      '100%',
      '--soak',
      '0',
      '--max-failures',
      '0',
    );
    const end = await fleet.ended(String(rolloutId), () => undefined);
    expect(end).to.include({ state: 'completed', failures: 0 });
    await fleet.expectAllOn(better);
  });
});
