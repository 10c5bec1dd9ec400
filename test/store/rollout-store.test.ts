import { expect } from 'chai';

import { systemRandom } from '../../src/clock.js';
import { firmwareKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { DOOR_UPDATE_STATES, type DoorUpdateState } from '../../src/protocol/update-frames.js';
import { type RolloutSpec } from '../../src/store/rollout-records.js';
import { RolloutStore, type OfferOutcome, type StepFields, type StepOutcome } from '../../src/store/rollout-store.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const entry = '{"at":0,"node":"t","kind":"update_step","actor":"t"}';
const NODE = 'relay-a';

/** State -> what may follow it (protocol 12.3, 12.4). Everything else is impossible. */
const MAY_FOLLOW: Readonly<Record<DoorUpdateState, readonly DoorUpdateState[]>> = {
  waiting: [],
  offered: [
    'waiting',
    'downloading',
    'verified',
    'rebooting',
    'confirmed',
    'refused',
    'rolled_back',
    'failed',
    'timed_out',
  ],
  downloading: ['waiting', 'verified', 'rebooting', 'confirmed', 'refused', 'rolled_back', 'failed', 'timed_out'],
  verified: ['rebooting', 'confirmed', 'refused', 'rolled_back', 'failed', 'timed_out'],
  rebooting: ['confirmed', 'refused', 'rolled_back', 'failed', 'timed_out'],
  confirmed: ['rolled_back'],
  timed_out: ['confirmed', 'rolled_back'],
  refused: [],
  rolled_back: [],
  failed: [],
};
const FAILURES: readonly DoorUpdateState[] = ['refused', 'rolled_back', 'failed', 'timed_out'];

describe('rollout store (protocol 12.3)', () => {
  let redis: TestRedis;
  let link: RedisLink;
  let store: RolloutStore;
  let sha256: string;

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    store = new RolloutStore(link);
  });
  after(() => redis.stop());

  /** A release and a board of its own for each test: nothing is flushed. */
  beforeEach(async () => {
    sha256 = systemRandom.bytes(32).toString('hex');
    await link.client.hset(firmwareKeys.releases, sha256, '{"publishedAt":1}');
  });

  const specOf = (over: Partial<RolloutSpec> = {}): RolloutSpec => ({
    sha256,
    version: '1.1.0',
    board: `board-${sha256.slice(0, 8)}`,
    securityVersion: 1,
    size: 5000,
    stages: [{ percent: 50 }, { percent: 100 }],
    maxFailures: { count: 0 },
    soakMs: 0,
    doorTimeoutMs: 1000,
    parallel: 10,
    ...over,
  });

  async function started(over: Partial<RolloutSpec> = {}): Promise<string> {
    const rolloutId = `r-${systemRandom.bytes(5).toString('hex')}`;
    expect(await store.create(rolloutId, specOf(over), entry)).to.deep.equal({ outcome: 'ok' });
    expect(await store.drive(rolloutId, NODE, 60_000)).to.equal(true);
    return rolloutId;
  }

  async function offer(
    rolloutId: string,
    door: string,
    over: { update?: string; mayStart?: number; driver?: string } = {},
  ): Promise<OfferOutcome> {
    const rollout = await store.record(rolloutId);
    if (rollout === undefined) throw new Error('no rollout');
    return store.offer(rollout, { driver: NODE, door, update: `u-${door}`, mayStart: 100, auditEntry: entry, ...over });
  }

  const step = (
    rolloutId: string,
    door: string,
    to: DoorUpdateState,
    over: Partial<StepFields> = {},
  ): Promise<StepOutcome> =>
    store.step({ rolloutId, sha256, door, update: '', conn: '', to, code: undefined, auditEntry: entry, ...over });

  async function doorIn(rolloutId: string, door: string, state: DoorUpdateState): Promise<void> {
    expect(await offer(rolloutId, door)).to.equal('ok');
    if (state !== 'offered') expect(await step(rolloutId, door, state)).to.equal('ok');
  }

  for (const from of DOOR_UPDATE_STATES.filter((state) => state !== 'waiting')) {
    it(`allows after ${from} exactly what the table says, and counts it`, async () => {
      const rolloutId = await started({ parallel: 100 });
      for (const to of DOOR_UPDATE_STATES) {
        const door = `door-${from}-${to}`;
        await doorIn(rolloutId, door, from);
        const before = await store.record(rolloutId);
        const outcome = await step(rolloutId, door, to);
        expect(outcome, `${from} -> ${to}`).to.equal(
          from === to ? 'same' : MAY_FOLLOW[from].includes(to) ? 'ok' : 'impossible',
        );
        const now = await store.record(rolloutId);
        expect((await store.door(rolloutId, door))?.state, `${from} -> ${to}`).to.equal(outcome === 'ok' ? to : from);
        const isFailure = (state: DoorUpdateState): number => (FAILURES.includes(state) ? 1 : 0);
        const failures = outcome === 'ok' ? isFailure(to) - isFailure(from) : 0;
        expect((now?.failures ?? 0) - (before?.failures ?? 0), `failures of ${from} -> ${to}`).to.equal(failures);
      }
      const rollout = await store.record(rolloutId);
      const doors = [...(await store.doors(rolloutId)).values()];
      const underWay = doors.filter(({ state }) =>
        ['offered', 'downloading', 'verified', 'rebooting'].includes(state),
      ).length;
      expect(rollout?.inFlight).to.equal(underWay);
      expect([...(await store.inFlight()).values()].filter((each) => each.rolloutId === rolloutId)).to.have.length(
        underWay,
      );
      expect(rollout?.started).to.equal(doors.filter(({ state }) => state !== 'waiting').length);
      for (const state of DOOR_UPDATE_STATES.filter((each) => each !== 'waiting'))
        expect(rollout?.count(0, state), state).to.equal(doors.filter((door) => door.state === state).length);
    });
  }

  it('remembers the doors a release failed on, and only where the release failed', async () => {
    const rolloutId = await started();
    for (const state of FAILURES) await doorIn(rolloutId, `door-${state}`, state);
    for (const code of ['unknown_key', 'expired', 'no_space']) {
      await offer(rolloutId, `door-${code}`);
      await step(rolloutId, `door-${code}`, 'refused', { code });
    }
    await doorIn(rolloutId, 'door-lost', 'rebooting');
    await step(rolloutId, 'door-lost', 'timed_out');
    const failed = await store.failedDoors(sha256);
    expect([...failed].sort()).to.deep.equal(['door-failed', 'door-lost', 'door-refused', 'door-rolled_back']);
    await store.set(rolloutId, 'cancelled', { auditEntry: entry });
    const next = await started();
    expect(await offer(next, 'door-failed')).to.equal('failed_before');
    expect(await offer(next, 'door-timed_out')).to.equal('ok');
  });

  it('offers only as the driver, in the open stage, within its numbers, and to a door at a time once', async () => {
    const rolloutId = await started({ parallel: 2 });
    expect(await offer(rolloutId, 'door-1', { driver: 'relay-b' })).to.equal('not_driver');
    expect(await offer(rolloutId, 'door-1', { mayStart: 1 })).to.equal('ok');
    expect(await offer(rolloutId, 'door-1')).to.equal('taken');
    expect(await offer(rolloutId, 'door-2', { mayStart: 1 })).to.equal('full');
    expect(await offer(rolloutId, 'door-2')).to.equal('ok');
    expect(await offer(rolloutId, 'door-3'), 'two at once').to.equal('full');
    const seen = await store.record(rolloutId);
    await step(rolloutId, 'door-1', 'confirmed');
    await step(rolloutId, 'door-2', 'confirmed');
    expect(await store.advance(rolloutId, NODE, 0, entry)).to.equal(true);
    expect(await store.advance(rolloutId, NODE, 0, entry), 'twice').to.equal(false);
    if (seen === undefined) throw new Error('no rollout');
    expect(
      await store.offer(seen, { driver: NODE, door: 'door-3', update: 'u', mayStart: 9, auditEntry: entry }),
      'a stage that is over',
    ).to.equal('stage');
    await store.set(rolloutId, 'paused', { auditEntry: entry });
    expect(await offer(rolloutId, 'door-3')).to.equal('not_running');
  });

  it('has one driver at a time, and another when its lease has run out', async () => {
    const rolloutId = await started();
    expect(await store.drive(rolloutId, 'relay-b', 50)).to.equal(false);
    expect(await store.drive(rolloutId, NODE, 1), 'its own lease').to.equal(true);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await store.drive(rolloutId, 'relay-b', 60_000)).to.equal(true);
    expect(await store.drive(rolloutId, NODE, 60_000)).to.equal(false);
    expect(await offer(rolloutId, 'door-1'), 'the old driver').to.equal('not_driver');
    expect(await store.set(rolloutId, 'halted', { driver: NODE, auditEntry: entry })).to.deep.equal({
      outcome: 'not_driver',
    });
  });

  it('fences the steps of an older connection', async () => {
    const rolloutId = await started();
    await offer(rolloutId, 'door-1');
    expect(await store.claim(rolloutId, 'door-1', 'conn-1')).to.deep.equal({ update: 'u-door-1', state: 'offered' });
    expect(await step(rolloutId, 'door-1', 'downloading', { conn: 'conn-1', update: 'u-door-1' })).to.equal('ok');
    expect(await store.claim(rolloutId, 'door-1', 'conn-2')).to.deep.equal({
      update: 'u-door-1',
      state: 'downloading',
    });
    expect(await step(rolloutId, 'door-1', 'verified', { conn: 'conn-1', update: 'u-door-1' })).to.equal('stale');
    expect(await step(rolloutId, 'door-1', 'verified', { conn: 'conn-2', update: 'another' })).to.equal('stale');
    expect(await step(rolloutId, 'door-1', 'verified', { conn: 'conn-2', update: 'u-door-1' })).to.equal('ok');
    await step(rolloutId, 'door-1', 'confirmed');
    expect(await store.claim(rolloutId, 'door-1', 'conn-3')).to.equal(undefined);
  });

  it('takes progress of the downloads that are under way, and of no other', async () => {
    const rolloutId = await started();
    await doorIn(rolloutId, 'door-1', 'downloading');
    await doorIn(rolloutId, 'door-2', 'verified');
    await store.claim(rolloutId, 'door-1', 'conn-1');
    await store.claim(rolloutId, 'door-2', 'conn-2');
    const report = (door: string, conn: string): { door: string; update: string; conn: string; percent: number } => ({
      door,
      update: `u-${door}`,
      conn,
      percent: 40,
    });
    await store.progress(rolloutId, 8192, [report('door-1', 'conn-1'), report('door-2', 'conn-2')]);
    await store.progress(rolloutId, 1, [{ ...report('door-1', 'conn-0'), percent: 99 }]);
    expect((await store.door(rolloutId, 'door-1'))?.percent).to.equal(40);
    expect((await store.door(rolloutId, 'door-2'))?.percent).to.equal(100);
    expect((await store.record(rolloutId))?.bytes).to.equal(8193);
    const { at } = (await store.door(rolloutId, 'door-1')) ?? {};
    await store.progress(rolloutId, 4096, [
      { ...report('door-1', 'conn-1'), percent: 40 },
      { ...report('door-1', 'conn-1'), percent: 10 },
    ]);
    expect(await store.door(rolloutId, 'door-1'), 'no progress').to.include({ at, percent: 40 });
  });

  for (const to of ['halted', 'cancelled'] as const) {
    it(`${to}: takes back what is being downloaded and leaves what was verified`, async () => {
      const rolloutId = await started();
      for (const state of ['offered', 'downloading', 'verified', 'rebooting'] as const)
        await doorIn(rolloutId, `door-${state}`, state);
      expect(await store.set(rolloutId, to, { reason: 'why', auditEntry: entry })).to.deep.equal({ outcome: 'ok' });
      const doors = await store.doors(rolloutId);
      expect([...doors].map(([door, { state }]) => `${door}=${state}`).sort()).to.deep.equal([
        'door-downloading=waiting',
        'door-offered=waiting',
        'door-rebooting=rebooting',
        'door-verified=verified',
      ]);
      expect(await store.record(rolloutId)).to.include({ state: to, reason: 'why', inFlight: 2, started: 2 });
      expect(await store.drive(rolloutId, NODE, 1000), 'still driven').to.equal(true);
      await step(rolloutId, 'door-verified', 'confirmed');
      await step(rolloutId, 'door-rebooting', 'confirmed');
      expect(await store.drive(rolloutId, NODE, 1000), 'nothing left').to.equal(false);
      expect(await store.liveIds()).to.not.include(rolloutId);
    });
  }

  it('counts failures anew when it is resumed after a halt, and not after a pause', async () => {
    const rolloutId = await started();
    await doorIn(rolloutId, 'door-counted', 'failed');
    await store.set(rolloutId, 'paused', { auditEntry: entry });
    await store.set(rolloutId, 'running', { auditEntry: entry });
    expect(await store.record(rolloutId)).to.include({ state: 'running', failures: 1 });
    await store.set(rolloutId, 'halted', { reason: 'r', driver: NODE, auditEntry: entry });
    await store.set(rolloutId, 'running', { auditEntry: entry });
    expect(await store.record(rolloutId)).to.include({ state: 'running', failures: 0, reason: undefined });
  });

  it('says why a state cannot follow', async () => {
    const rolloutId = await started();
    expect(await store.set(rolloutId, 'running', { auditEntry: entry })).to.deep.equal({
      outcome: 'state',
      state: 'running',
    });
    await store.set(rolloutId, 'cancelled', { auditEntry: entry });
    for (const to of ['running', 'paused', 'halted', 'completed', 'cancelled'] as const)
      expect(await store.set(rolloutId, to, { auditEntry: entry }), to).to.deep.equal({
        outcome: 'state',
        state: 'cancelled',
      });
    expect(await store.set('r-none', 'paused', { auditEntry: entry })).to.deep.equal({ outcome: 'missing' });
  });

  it('starts no second rollout for the same doors while one is under way', async () => {
    const first = await started({ doors: ['door-1', 'door-2'] });
    const create = (over: Partial<RolloutSpec>): Promise<unknown> =>
      store.create(`r-${systemRandom.bytes(5).toString('hex')}`, specOf(over), entry);
    expect(await create({})).to.deep.equal({ outcome: 'rival', rolloutId: first });
    expect(await create({ doors: ['door-2', 'door-3'] })).to.deep.equal({ outcome: 'rival', rolloutId: first });
    expect(await create({ board: 'another' })).to.deep.equal({ outcome: 'ok' });
    expect(await create({ doors: ['door-3'] })).to.deep.equal({ outcome: 'ok' });
    await store.set(first, 'halted', { driver: NODE, auditEntry: entry });
    expect(await create({ doors: ['door-1'] }), 'a halted one is in nobody’s way').to.deep.equal({ outcome: 'ok' });
    expect(await store.set(first, 'running', { auditEntry: entry })).to.have.property('outcome', 'rival');
  });

  it('starts nothing with a release that was withdrawn or never was', async () => {
    await link.client.hset(firmwareKeys.releases, sha256, '{"publishedAt":1,"withdrawnAt":2}');
    expect(await store.create('r-w', specOf(), entry)).to.deep.equal({ outcome: 'withdrawn' });
    expect(await store.create('r-w', specOf({ sha256: 'f'.repeat(64) }), entry)).to.deep.equal({
      outcome: 'withdrawn',
    });
    expect(await store.record('r-w')).to.equal(undefined);
  });
});
