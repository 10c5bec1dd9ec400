import { expect } from 'chai';

import {
  countTargets,
  doorsOf,
  planRollout,
  type RolloutAct,
  type TargetDoor,
} from '../../src/updates/rollout-plan.js';
import type { DoorUpdateState } from '../../src/protocol/update-frames.js';
import type { DoorUpdate, RolloutRecord, RolloutSpec } from '../../src/store/rollout-records.js';

const SHA = 'a'.repeat(64);
const NOW = 1_800_000_000_000;

const spec: RolloutSpec = {
  sha256: SHA,
  version: '1.1.0',
  board: 'esp32dev',
  securityVersion: 2,
  size: 5000,
  stages: [{ percent: 10 }, { percent: 50 }, { percent: 100 }],
  maxFailures: { count: 1 },
  soakMs: 10_000,
  doorTimeoutMs: 60_000,
  parallel: 100,
};

function door(
  index: number,
  over: Partial<TargetDoor> & { version?: string; sha256?: string; securityVersion?: number; board?: string } = {},
): TargetDoor {
  const { version = '1.0.0', sha256, securityVersion = 1, board = 'esp32dev', ...rest } = over;
  return {
    doorId: `door-${String(index).padStart(3, '0')}`,
    firmware: { version, board, securityVersion, ...(sha256 !== undefined && { sha256 }) },
    allowed: true,
    online: true,
    ...rest,
  };
}

const fleet = (count: number): TargetDoor[] => Array.from({ length: count }, (_, index) => door(index));
const updated = { version: '1.1.0', sha256: SHA, securityVersion: 2 };

/** A rollout whose counts follow from its doors, as the store keeps them; confirmed doors run the release, unless `asIs`. */
function plan(over: {
  asIs?: boolean;
  targets?: readonly TargetDoor[];
  doors?: Record<string, Partial<DoorUpdate>>;
  failedBefore?: readonly string[];
  rollout?: Partial<RolloutRecord>;
  spec?: Partial<RolloutSpec>;
}): readonly RolloutAct[] {
  const records = new Map(
    Object.entries(over.doors ?? {}).map(([id, record]): [string, DoorUpdate] => [
      id,
      { state: 'confirmed', stage: 0, at: NOW, ...record },
    ]),
  );
  const inStage = [...records.values()].filter(({ stage }) => stage >= 0);
  const is = (...states: DoorUpdateState[]): number => inStage.filter(({ state }) => states.includes(state)).length;
  const rollout: RolloutRecord = {
    rolloutId: 'r-1',
    spec: { ...spec, ...over.spec },
    state: 'running',
    reason: undefined,
    startedAt: NOW,
    stage: 0,
    stageSince: NOW,
    lastEndAt: NOW,
    failures: is('refused', 'rolled_back', 'failed', 'timed_out'),
    started: inStage.length,
    inFlight: is('offered', 'downloading', 'verified', 'rebooting'),
    bytes: 0,
    driver: undefined,
    count: (stage, state) => inStage.filter((record) => record.stage === stage && record.state === state).length,
    ...over.rollout,
  };
  const targets = (over.targets ?? fleet(20)).map((target, index) =>
    over.asIs !== true && records.get(target.doorId)?.state === 'confirmed'
      ? { ...door(index, updated), doorId: target.doorId }
      : target,
  );
  return planRollout({
    rollout,
    doors: records,
    targets,
    targetsAt: NOW + 10_001,
    failedBefore: new Set(over.failedBefore ?? []),
    now: NOW,
  });
}

const offered = (acts: readonly RolloutAct[]): readonly string[] =>
  acts.map((act) => (act.act === 'offer' ? act.door : `${act.act}!`));
const shorten = (acts: readonly RolloutAct[]): readonly string[] =>
  acts.map((act) =>
    'door' in act
      ? `${act.act} ${act.door} ${'state' in act ? act.state : 'to' in act ? act.to : ''}${'code' in act && act.code !== undefined ? ` ${act.code}` : ''}`.trim()
      : act.act,
  );

describe('the plan of a rollout (protocol 12.3)', () => {
  it('means one door at least by a percentage, rounded up, and all at most', () => {
    expect([1, 10, 50, 100].map((percent) => doorsOf({ percent }, 20))).to.deep.equal([1, 2, 10, 20]);
    expect(doorsOf({ percent: 1 }, 1)).to.equal(1);
    expect(doorsOf({ count: 5 }, 3)).to.equal(3);
    expect(doorsOf({ percent: 10 }, 0)).to.equal(0);
  });

  it('gives a first stage its number of doors, the same whoever asks', () => {
    const first = offered(plan({}));
    expect(first).to.have.length(2);
    expect(offered(plan({ targets: [...fleet(20)].reverse() }))).to.deep.equal(first);
    expect(offered(plan({ rollout: { rolloutId: 'r-2' } })), 'another order in another rollout').to.not.deep.equal(
      first,
    );
  });

  it('prefers doors that are online, and lets the others wait', () => {
    const targets = fleet(20).map((target, index) => ({ ...target, online: index === 7 }));
    expect(offered(plan({ targets }))).to.deep.equal(['door-007']);
    expect(plan({ targets: targets.map((target) => ({ ...target, online: false })) })).to.deep.equal([]);
  });

  it('keeps to the number of doors under way at once', () => {
    const doors = { 'door-000': { state: 'downloading' as const }, 'door-001': { state: 'offered' as const } };
    expect(offered(plan({ doors, rollout: { stage: 2 }, spec: { parallel: 5 } }))).to.have.length(3);
  });

  it('leaves alone who is of another board, not chosen, shut out, or never registered', () => {
    const targets = [
      door(0, { board: 'esp32-c3' }),
      door(1, { allowed: false }),
      { ...door(2), firmware: undefined },
      door(3),
      door(4),
    ];
    expect(
      offered(
        plan({
          targets,
          spec: { doors: ['door-000', 'door-001', 'door-002', 'door-004'], stages: [{ percent: 100 }] },
        }),
      ),
    ).to.deep.equal(['door-004']);
  });

  it('notes, and does not offer, what a door has, is past, or failed on', () => {
    const targets = [
      door(0, updated),
      door(1, { version: '1.1.0' }),
      door(2, { version: '2.0.0' }),
      door(3, { securityVersion: 3 }),
      door(4),
      door(5, { version: '1.1.0-rc.1' }),
    ];
    expect(shorten(plan({ targets, failedBefore: ['door-004'] }))).to.deep.equal([
      'note door-000 confirmed',
      'note door-001 refused downgrade',
      'note door-002 refused downgrade',
      'note door-003 refused security_version',
      'note door-004 failed failed_before',
    ]);
  });

  it('asks a busy door again only when its time has come', () => {
    const targets = [door(0)];
    const busy = (notBefore: number): readonly RolloutAct[] =>
      plan({ targets, doors: { 'door-000': { state: 'waiting', stage: -1, notBefore } } });
    expect(busy(NOW + 1)).to.deep.equal([]);
    expect(offered(busy(NOW))).to.deep.equal(['door-000']);
  });

  it('opens the next stage when every door has ended and the stage has soaked', () => {
    const doors = { 'door-000': {}, 'door-001': {} };
    expect(plan({ doors })).to.deep.equal([]);
    expect(shorten(plan({ doors, rollout: { lastEndAt: NOW - 10_000, stageSince: 0 } }))).to.deep.equal(['advance']);
    const oneUnderWay = { ...doors, 'door-001': { state: 'rebooting' as const } };
    expect(plan({ doors: oneUnderWay, rollout: { lastEndAt: 0, stageSince: 0 } })).to.deep.equal([]);
  });

  it('does not call a stage finished while doors it needs are offline', () => {
    const targets = fleet(20).map((target, index) => ({ ...target, online: index === 0 }));
    expect(plan({ targets, doors: { 'door-000': {} }, rollout: { lastEndAt: 0, stageSince: 0 } })).to.deep.equal([]);
  });

  it('halts past a number of failures, and not at it', () => {
    const failed = (count: number): Record<string, Partial<DoorUpdate>> =>
      Object.fromEntries(fleet(count).map(({ doorId }) => [doorId, { state: 'rolled_back' }]));
    expect(
      shorten(plan({ doors: { ...failed(1), 'door-009': {} }, rollout: { lastEndAt: 0, stageSince: 0 } })),
    ).to.deep.equal(['advance']);
    expect(plan({ doors: failed(2) })).to.deep.equal([{ act: 'halt', reason: '2 failed, and the limit is 1' }]);
  });

  it('takes a percentage of the doors in the opened stages', () => {
    const doors = Object.fromEntries(
      fleet(5).map(({ doorId }, index) => [
        doorId,
        { state: index < 2 ? ('failed' as const) : ('confirmed' as const) },
      ]),
    );
    const at = (percent: number): string | undefined =>
      plan({ doors, rollout: { stage: 1 }, spec: { maxFailures: { percent } } })[0]?.act;
    expect(at(20), '2 of 10 is 20%').to.equal('offer');
    expect(at(19)).to.equal('halt');
  });

  describe('of fewer than twenty doors, where one failure is more than 5%', () => {
    const few = { targets: fleet(10), spec: { maxFailures: { percent: 5 }, soakMs: 0 } };
    const past = { lastEndAt: 0, stageSince: 0 };
    const failed = { state: 'failed' as const };

    it('does not halt for one door, which may lie', () => {
      const doors = { 'door-000': failed, 'door-001': {} };
      expect(
        shorten(plan({ ...few, doors, rollout: { ...past, stage: 1 } })).every((act) => act.startsWith('offer')),
      ).to.equal(true);
    });

    it('asks one door more where the only verdict of a stage is the failure of one', () => {
      const acts = plan({ ...few, doors: { 'door-000': failed } });
      expect(acts).to.have.length(1);
      expect(acts[0]).to.include({ act: 'offer', mayStart: 2 });
      const underWay = { 'door-000': failed, 'door-001': { state: 'downloading' as const } };
      expect(plan({ ...few, doors: underWay, rollout: past }), 'and waits for it').to.deep.equal([]);
      expect(shorten(plan({ ...few, doors: { 'door-000': failed, 'door-001': {} }, rollout: past }))).to.deep.equal([
        'advance',
      ]);
    });

    it('halts for two distinct doors', () => {
      const doors = { 'door-000': failed, 'door-001': { state: 'rolled_back' as const } };
      expect(plan({ ...few, doors, rollout: past })[0]).to.include({ act: 'halt' });
    });

    it('completes when the last stage has one liar and nobody else to ask, and others have confirmed', () => {
      const doors = { 'door-000': { stage: 0 }, 'door-001': { stage: 1, ...failed } };
      const two = { ...few, targets: fleet(2), doors, spec: { ...few.spec, stages: [{ count: 1 }, { count: 2 }] } };
      expect(shorten(plan({ ...two, rollout: { ...past, stage: 1 } }))).to.deep.equal(['complete']);
    });

    it('halts for one door where it is the only one, or the operator asked for no failure at all', () => {
      expect(plan({ ...few, targets: fleet(1), doors: { 'door-000': failed }, rollout: past })).to.deep.equal([
        { act: 'halt', reason: 'none of the 1 doors of stage 1 was confirmed' },
      ]);
      for (const maxFailures of [{ percent: 0 }, { count: 0 }])
        expect(plan({ ...few, spec: { maxFailures }, doors: { 'door-000': failed } })[0]).to.include({ act: 'halt' });
    });
  });

  it('halts when a stage ends without one confirmed door, whatever the limit', () => {
    const doors = { 'door-000': { state: 'failed' as const }, 'door-001': { state: 'timed_out' as const } };
    expect(plan({ doors, spec: { maxFailures: { count: 50 } } })).to.deep.equal([
      { act: 'halt', reason: 'none of the 2 doors of stage 1 was confirmed' },
    ]);
    expect(
      shorten(
        plan({ doors, spec: { maxFailures: { count: 50 } }, rollout: { failures: 0, lastEndAt: 0, stageSince: 0 } }),
      ),
      'an operator resumed it',
    ).to.deep.equal(['advance']);
  });

  it('completes after the last stage, and where every door has the release already', () => {
    const doors = Object.fromEntries(fleet(20).map(({ doorId }) => [doorId, { stage: 2 }]));
    expect(shorten(plan({ doors, rollout: { stage: 2 } }))).to.deep.equal(['complete']);
    expect(shorten(plan({ targets: [door(0, updated)], doors: { 'door-000': { stage: -1 } } }))).to.deep.equal([
      'complete',
    ]);
    expect(plan({ targets: [] }), 'no door yet: it waits for one').to.deep.equal([]);
  });

  it('takes in doors that join later', () => {
    const doors = Object.fromEntries(fleet(20).map(({ doorId }) => [doorId, { stage: 2 }]));
    expect(offered(plan({ targets: fleet(21), doors, rollout: { stage: 2 } }))).to.deep.equal(['door-020']);
  });

  it('lets a door that left during its download wait, and fails one that is there and silent', () => {
    const silent = { at: NOW - 60_001 };
    const targets = [door(0, { online: false }), door(1), door(2, { online: false }), door(3)];
    const doors = {
      'door-000': { state: 'downloading' as const, ...silent },
      'door-001': { state: 'offered' as const, ...silent },
      'door-002': { state: 'rebooting' as const, ...silent },
      'door-003': { state: 'downloading' as const, at: NOW - 60_000 },
    };
    expect(shorten(plan({ targets, doors, rollout: { state: 'paused' } }))).to.deep.equal([
      'step door-000 waiting',
      'step door-001 timed_out',
      'step door-002 timed_out',
    ]);
  });

  it('corrects what a registration proves wrong', () => {
    const targets = [door(0, updated), door(1), door(2, { version: '1.2.0', securityVersion: 2 }), door(3, updated)];
    const doors = { 'door-000': { state: 'timed_out' as const }, 'door-001': {}, 'door-002': {}, 'door-003': {} };
    expect(shorten(plan({ asIs: true, targets, doors }))).to.deep.equal([
      'step door-000 confirmed',
      'step door-001 rolled_back',
    ]);
  });

  it('counts as targets who had a turn and who still wants one', () => {
    const rollout = { rolloutId: 'r', spec, started: 3 } as unknown as RolloutRecord;
    const doors = new Map<string, DoorUpdate>([['door-000', { state: 'confirmed', stage: 0, at: 0 }]]);
    expect(
      countTargets({
        rollout,
        doors,
        targets: [door(0), door(1), door(2, updated), door(3, { online: false })],
        failedBefore: new Set(),
      }),
    ).to.equal(5);
  });
});
