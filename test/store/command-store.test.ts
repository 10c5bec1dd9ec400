import { expect } from 'chai';

import { systemClock, systemRandom } from '../../src/clock.js';
import { AuditStore } from '../../src/store/audit-store.js';
import {
  CommandStore,
  minuteOf,
  type AdmitFields,
  type CommandName,
  type SettleFields,
} from '../../src/store/command-store.js';
import { doorBatch } from '../../src/store/door-items.js';
import { DoorGrantStore } from '../../src/store/door-grants.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { channels, doorKeys, shardKeys, shardOf } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const KID = 'k'.repeat(43);
const entry = '{"at":0,"node":"t","kind":"command_submitted","actor":"t"}';
const settledEntry = '{"at":0,"node":"t","kind":"command_settled","actor":"t","code":"executed"}';
const id = (): string => systemRandom.bytes(32).toString('base64url');

describe('command store (protocol 6.5, 6.7)', () => {
  /** A door of its own for each test: nothing is flushed. */
  let doorId: string;
  let redis: TestRedis;
  let link: RedisLink;
  let commands: CommandStore;
  let doors: DoorRecordStore;
  let grants: DoorGrantStore;

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    commands = new CommandStore(doorBatch(link));
    doors = new DoorRecordStore(link);
    grants = new DoorGrantStore(link);
  });

  after(() => redis.stop());

  beforeEach(async () => {
    doorId = `door-${systemRandom.bytes(6).toString('hex')}`;
    const keys = doorKeys(doorId);
    await doors.add(doorId, {
      name: 'Front',
      tokenHash: 'x',
      tokenUntil: systemClock.now() + 1000,
      kid: undefined,
      auditEntry: entry,
    });
    await link.client.hset(keys.record, 'kid', KID, 'publicKey', 'pem', 'node', 'node-a', 'conn', 'conn-1', 'epoch', 1);
    await grants.setGrant(doorId, 'site_1', { role: 'manager', notBefore: undefined, notAfter: undefined }, entry);
  });

  function fields(over: Partial<AdmitFields> = {}): AdmitFields {
    return {
      siteId: 'site_1',
      doorId,
      commandId: id(),
      jwe: 'jwe-text',
      scope: 'operate',
      kid: KID,
      iat: systemClock.now(),
      node: 'node-a',
      conn: 'conn-1',
      liveNodes: ',node-a,node-b,',
      timeoutMs: 5000,
      builtInRole: undefined,
      auditEntry: entry,
      ...over,
    };
  }

  /** A command of this minute, or of one nobody knows any more: the store finds both. */
  const named = (commandId: string, minute?: number): CommandName => ({ doorId, commandId, minute });
  const kept = (): ReturnType<typeof shardKeys> => shardKeys(shardOf(doorId));

  /** Resolves once subscribed; `message` is the first one. */
  async function listen(node: string): Promise<{ message: Promise<string> }> {
    let resolve!: (message: string) => void;
    const message = new Promise<string>((done) => {
      resolve = done;
    });
    await link.subscribe(channels.node(node), resolve);
    return { message };
  }

  const refusedWith = async (over: Partial<AdmitFields>): Promise<string> => {
    const result = await commands.admit(fields(over));
    return result.outcome === 'refused' ? result.code : result.outcome;
  };

  const answer = (commandId: string, status: 200 | 400, how: Partial<SettleFields> = {}): Promise<unknown> =>
    commands.settle({
      ...named(commandId),
      status,
      credentialRefused: false,
      receipt: undefined,
      node: 'node-a',
      auditEntry: settledEntry,
      ...how,
    });
  const submitAndAnswer = async (status: 200 | 400, how: Partial<SettleFields> = {}): Promise<void> => {
    const commandId = id();
    expect(await refusedWith({ commandId })).to.equal('claimed');
    await answer(commandId, status, how);
  };
  const trail = async (stream: 'audit' | 'auditTraffic'): Promise<Record<string, unknown>[]> =>
    (await new AuditStore(link).read(doorKeys(doorId)[stream], '-', 1000)).map(
      ({ text }) => JSON.parse(text) as Record<string, unknown>,
    );
  const kinds = async (stream: 'audit' | 'auditTraffic'): Promise<unknown[]> =>
    (await trail(stream)).map(({ kind, code }) => code ?? kind);

  it('claims at once for the connection on the same relay, and leaves it pending for any other', async () => {
    const here = fields();
    expect(await commands.admit(here)).to.include({ outcome: 'claimed' });
    await answer(here.commandId, 200);
    expect(await commands.admit(fields({ node: 'node-b', conn: undefined }))).to.include({ outcome: 'pending' });
    expect(await commands.admit(fields({ conn: 'conn-0' })), 'an older connection of the same relay').to.include({
      outcome: 'pending',
    });
  });

  it('stores the envelope for a newer connection elsewhere, though it had claimed to have the door itself', async () => {
    const command = fields({ conn: 'conn-0' });
    await commands.admit(command);
    expect(await commands.claim(named(command.commandId, minuteOf(command.iat)), 'node-a', 'conn-1')).to.include({
      outcome: 'claimed',
      jwe: 'jwe-text',
    });
  });

  it('publishes a hint to the relay that has the door', async () => {
    const heard = await listen('node-a');
    const command = fields({ node: 'node-b', conn: undefined });
    await commands.admit(command);
    const hint = { door: doorId, id: command.commandId, minute: String(minuteOf(command.iat)) };
    expect(JSON.parse(await heard.message)).to.deep.equal({ t: 'claim', commands: [hint] });
  });

  it('refuses in the order of 6.5 and records nothing of a refused envelope', async () => {
    expect(await refusedWith({ siteId: 'site_2' })).to.equal('door_not_found');
    expect(await refusedWith({ doorId: 'no-such-door' })).to.equal('door_not_found');
    expect(await refusedWith({ kid: 'z'.repeat(43) })).to.equal('wrong_key');
    expect(await refusedWith({ iat: systemClock.now() - 61_000 })).to.equal('stale_timestamp');
    expect(await refusedWith({ iat: systemClock.now() + 61_000 })).to.equal('stale_timestamp');
    expect(await refusedWith({ liveNodes: ',node-b,' }), 'the relay of the door is dead').to.equal('door_offline');
    await grants.setGrant(doorId, 'site_1', { role: 'user', notBefore: undefined, notAfter: undefined }, entry);
    expect(await refusedWith({ scope: 'configure' })).to.equal('action_not_allowed');
    await doors.setFlag(doorId, 'banned', true, entry);
    expect(await refusedWith({})).to.equal('key_banned');
    expect(await refusedWith({ kid: 'z'.repeat(43) }), 'the key comes before its ban').to.equal('wrong_key');
    await doors.setFlag(doorId, 'disabled', true, entry);
    expect(await refusedWith({})).to.equal('door_disabled');
    expect(await link.client.xlen(doorKeys(doorId).audit), 'added, granted twice, banned, disabled').to.equal(5);
    expect(await link.client.hexists(doorKeys(doorId).record, 'open')).to.equal(0);
  });

  it('heeds the dates of a grant', async () => {
    const now = systemClock.now();
    await grants.setGrant(doorId, 'site_1', { role: 'user', notBefore: now + 60_000, notAfter: undefined }, entry);
    expect(await refusedWith({})).to.equal('door_not_found');
    await grants.setGrant(doorId, 'site_1', { role: 'user', notBefore: now - 60_000, notAfter: now - 1 }, entry);
    expect(await refusedWith({})).to.equal('door_not_found');
    await grants.setGrant(doorId, 'site_1', { role: 'user', notBefore: now - 60_000, notAfter: now + 60_000 }, entry);
    expect(await refusedWith({})).to.equal('claimed');
  });

  it('admits one of many concurrent submissions of the same envelope', async () => {
    const commandId = id();
    const results = await Promise.all(Array.from({ length: 50 }, () => commands.admit(fields({ commandId }))));
    expect(results.filter((result) => result.outcome === 'claimed')).to.have.length(1);
    expect(results.filter((result) => result.outcome === 'replayed')).to.have.length(49);
  });

  it('tells the state of a replayed envelope to its sender alone', async () => {
    const commandId = id();
    await grants.setGrant(doorId, 'site_2', { role: 'user', notBefore: undefined, notAfter: undefined }, entry);
    await commands.admit(fields({ commandId }));
    expect(await commands.admit(fields({ commandId }))).to.deep.equal({ outcome: 'replayed', state: 'claimed' });
    expect(await commands.admit(fields({ commandId, siteId: 'site_2' }))).to.deep.equal({
      outcome: 'replayed',
      state: undefined,
    });
    expect(await refusedWith({ commandId, siteId: 'site_3' }), 'no grant: the door does not exist').to.equal(
      'door_not_found',
    );
  });

  it('lets four be in flight, and no longer counts what is past its deadline', async () => {
    for (const siteId of ['site_2', 'site_3'])
      await grants.setGrant(doorId, siteId, { role: 'user', notBefore: undefined, notAfter: undefined }, entry);
    for (const siteId of ['site_1', 'site_2', 'site_1', 'site_2'])
      expect(await refusedWith({ siteId, timeoutMs: 100 })).to.equal('claimed');
    expect(await refusedWith({ siteId: 'site_3' })).to.equal('rate_limited');
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await refusedWith({ siteId: 'site_3' })).to.equal('claimed');
  });

  it('gives one site two of the four places, so that it cannot starve the others', async () => {
    await grants.setGrant(doorId, 'site_2', { role: 'user', notBefore: undefined, notAfter: undefined }, entry);
    const commandId = id();
    expect(await refusedWith({ commandId })).to.equal('claimed');
    expect(await refusedWith({})).to.equal('claimed');
    expect(await commands.admit(fields())).to.deep.equal({
      outcome: 'refused',
      code: 'rate_limited',
      retryAfterMs: 250,
    });
    expect(await refusedWith({ siteId: 'site_2' })).to.equal('claimed');
    await answer(commandId, 200);
    expect(await refusedWith({}), 'a place is free again').to.equal('claimed');
  });

  it('gives a pending command to the live connection once, and to no other', async () => {
    const commandId = id();
    await commands.admit(fields({ commandId, node: 'node-b', conn: undefined }));
    expect(await commands.claim(named(commandId), 'node-a', 'conn-0')).to.deep.equal({ outcome: 'not_live' });
    expect(await commands.claim(named(commandId), 'node-b', 'conn-1')).to.deep.equal({ outcome: 'not_live' });
    const claims = await Promise.all(
      Array.from({ length: 20 }, () => commands.claim(named(commandId), 'node-a', 'conn-1')),
    );
    expect(claims.filter((claim) => 'jwe' in claim)).to.have.length(1);
    expect(claims.find((claim) => 'jwe' in claim)).to.include({ jwe: 'jwe-text' });
  });

  it('expires what was pending past its deadline, and never gives it out afterwards', async () => {
    const commandId = id();
    await commands.admit(fields({ commandId, node: 'node-b', conn: undefined, timeoutMs: 100 }));
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await commands.claim(named(commandId), 'node-a', 'conn-1')).to.deep.equal({ outcome: 'expired' });
    expect((await commands.read(named(commandId)))?.state).to.equal('expired');
    const settled = await commands.settle({
      ...named(commandId),
      status: 200,
      credentialRefused: false,
      receipt: undefined,
      node: 'node-a',
      auditEntry: entry,
    });
    expect(settled).to.deep.equal({ state: 'expired', settled: false });
  });

  it('calls what was claimed past its deadline indeterminate, which a late result still settles', async () => {
    const commandId = id();
    await commands.admit(fields({ commandId, timeoutMs: 100 }));
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect((await commands.read(named(commandId)))?.state).to.equal('indeterminate');
    const settle = (status: 200 | 400) =>
      commands.settle({
        ...named(commandId),
        status,
        credentialRefused: false,
        receipt: 'sealed',
        node: 'node-a',
        auditEntry: entry,
      });
    expect(await settle(200)).to.deep.equal({ state: 'executed', settled: true });
    expect(await settle(400), 'a second answer changes nothing').to.deep.equal({ state: 'executed', settled: false });
    expect(await commands.read(named(commandId))).to.include({
      state: 'executed',
      status: 200,
      receipt: 'sealed',
      siteId: 'site_1',
    });
  });

  it('tells the relay that took the command how it ended', async () => {
    const heard = await listen('node-b');
    const commandId = id();
    await commands.admit(fields({ commandId, node: 'node-b', conn: undefined }));
    await commands.claim(named(commandId), 'node-a', 'conn-1');
    await commands.settle({
      ...named(commandId),
      status: 200,
      credentialRefused: false,
      receipt: 'sealed',
      node: 'node-a',
      auditEntry: entry,
    });
    expect(JSON.parse(await heard.message)).to.deep.equal({
      t: 'settled',
      commands: [{ id: commandId, state: 'executed', status: 200, receipt: 'sealed' }],
    });
  });

  /** Milliseconds the site is paused; what is admitted on the way leaves its place again. */
  const pauseOf = async (): Promise<number> => {
    const command = fields();
    const result = await commands.admit(command);
    if (result.outcome === 'refused') return result.code === 'rate_limited' ? result.retryAfterMs : NaN;
    await commands.abandon(named(command.commandId), 'node-a');
    return 0;
  };
  /** Lets a pause be over, as if its time had passed. */
  const endPause = async (): Promise<void> => {
    const { record } = doorKeys(doorId);
    const [count, level, , at] = (await link.client.hget(record, 'c:site_1'))?.split('|') ?? [];
    await link.client.hset(record, 'c:site_1', `${count}|${level}|1|${at}`);
  };

  for (const [name, how] of [
    ['wrong credentials', { credentialRefused: true }],
    ['bare 400s', {}],
  ] as const) {
    it(`refuses a site at a door after three ${name}, and no other site`, async () => {
      await grants.setGrant(doorId, 'site_2', { role: 'user', notBefore: undefined, notAfter: undefined }, entry);
      for (let count = 0; count < 3; count += 1) {
        expect(await pauseOf()).to.equal(0);
        await submitAndAnswer(400, how);
      }
      expect(await pauseOf()).to.be.within(50_000, 60_000);
      expect(await refusedWith({ siteId: 'site_2' })).to.equal('claimed');
    });
  }

  it('counts no 400 with a receipt: the door knew who asked', async () => {
    for (let count = 0; count < 5; count += 1) await submitAndAnswer(400, { receipt: 'sealed' });
    expect(await pauseOf()).to.equal(0);
  });

  it('keeps the count over the pause: the next refusal doubles it, up to an hour, until a command is executed', async () => {
    const pauses: number[] = [];
    for (let count = 0; count < 10; count += 1) {
      await submitAndAnswer(400);
      pauses.push(Math.round((await pauseOf()) / 60_000));
      await endPause();
    }
    expect(pauses).to.deep.equal([0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    await submitAndAnswer(200);
    await submitAndAnswer(400);
    await submitAndAnswer(400);
    expect(await pauseOf(), 'two after a success').to.equal(0);
  });

  it('lets what was under way when a pause began add none', async () => {
    await submitAndAnswer(400);
    await submitAndAnswer(400);
    const [third, fourth] = [id(), id()];
    await commands.admit(fields({ commandId: third }));
    await commands.admit(fields({ commandId: fourth }));
    await answer(third, 400);
    await answer(fourth, 400);
    expect(await pauseOf()).to.be.within(50_000, 60_000);
  });

  it('keeps states ten minutes at least and receipts one, and both no longer than they must', async () => {
    const command = fields();
    await commands.admit(command);
    await answer(command.commandId, 200, { receipt: 'sealed' });
    const settledAt = (await commands.read(named(command.commandId)))?.settledAt ?? 0;
    const commandsEnd = await link.client.pttl(kept().commands(minuteOf(command.iat)));
    expect(commandsEnd).to.be.within(600_000, 14 * 60_000);
    const receiptsEnd = await link.client.pttl(kept().receipts(Math.floor(settledAt / 30_000)));
    expect(receiptsEnd).to.be.within(60_000 - 1000, 90_000);
  });

  it('finds a command whose minute nobody knows any more, as early and as late as it may be', async () => {
    const now = systemClock.now();
    for (const iat of [now - 59_000, now, now + 59_000]) {
      const command = fields({ iat });
      expect(await commands.admit(command)).to.include({ outcome: 'claimed' });
      expect(await answer(command.commandId, 200, { receipt: 'sealed' })).to.deep.equal({
        state: 'executed',
        settled: true,
      });
      expect(await commands.read(named(command.commandId))).to.include({ state: 'executed', receipt: 'sealed' });
      expect(await commands.admit(command)).to.deep.equal({ outcome: 'replayed', state: 'executed' });
    }
    expect(await commands.read(named(id()))).to.equal(undefined);
  });

  it('keeps receipts of any text as they are', async () => {
    const receipt = 'ü|\u2028 "quoted" \n€𝄞';
    const heard = await listen('node-b');
    const commandId = id();
    await commands.admit(fields({ commandId, node: 'node-b', conn: undefined }));
    await commands.claim(named(commandId), 'node-a', 'conn-1');
    // Among other items of one call: a wrong length would spoil them all.
    const others = [refusedWith({ siteId: 'ß' }), refusedWith({ siteId: '𝄞' })];
    await Promise.all([answer(commandId, 200, { receipt }), ...others]);
    expect(await Promise.all(others)).to.deep.equal(['door_not_found', 'door_not_found']);
    expect(await commands.read(named(commandId))).to.include({ state: 'executed', receipt });
    const { commands: told } = JSON.parse(await heard.message) as { commands: { receipt: string }[] };
    expect(told[0]?.receipt).to.equal(receipt);
  });

  it('keeps an end for good whose audit entry could not be written: nothing undoes what its item did', async () => {
    const commandId = id();
    await commands.admit(fields({ commandId }));
    const stream = doorKeys(doorId).audit;
    await link.client.rename(stream, `${stream}-aside`);
    await link.client.set(stream, 'no stream');
    expect(await answer(commandId, 200).then(String, (error: Error) => error.name)).to.equal('ReplyError');
    expect(await answer(commandId, 400)).to.deep.equal({ state: 'executed', settled: false });
    expect((await commands.read(named(commandId)))?.state).to.equal('executed');
    await link.client.rename(`${stream}-aside`, stream);
  });

  it('forgets refusals after thirty silent days, and with the grant', async () => {
    const { record } = doorKeys(doorId);
    const past = systemClock.now() - 31 * 24 * 3_600_000;
    await link.client.hset(record, 'c:site_1', `9|5|${systemClock.now() + 60_000}|${past}`);
    expect(await pauseOf()).to.equal(0);
    await submitAndAnswer(400);
    expect(await link.client.hget(record, 'c:site_1')).to.match(/^1\|0\|0\|\d+$/);
    await grants.removeGrant(doorId, 'site_1', entry);
    expect(await link.client.hexists(record, 'c:site_1')).to.equal(0);
  });

  it('remembers what was under way at a door that is removed, for its trail alone', async () => {
    const commandId = id();
    await commands.admit(fields({ commandId }));
    expect(await doors.remove(doorId, entry)).to.equal('ok');
    expect([await doors.record(doorId), await grants.grant(doorId, 'site_1')]).to.deep.equal([undefined, undefined]);
    expect(await refusedWith({})).to.equal('door_not_found');
    await answer(commandId, 400);
    expect(await link.client.exists(doorKeys(doorId).record), 'nothing is left of it').to.equal(0);
    expect((await new AuditStore(link).openFolds(doorId)).join()).to.contain('"code":"refused_bare"');
  });

  describe('in the audit trail (protocol 10.1)', () => {
    const before = ['command_submitted', 'command_submitted']; // the door was added and granted with this entry

    it('an executed command has its submission and its end', async () => {
      await submitAndAnswer(200, { receipt: 'sealed' });
      expect(await kinds('audit')).to.deep.equal([...before, 'command_submitted', 'executed']);
      expect(await link.client.exists(doorKeys(doorId).auditFold)).to.equal(0);
      expect(await link.client.hexists(doorKeys(doorId).record, 'open')).to.equal(0);
    });

    it('one that may have run has both too, and its late answer', async () => {
      const commandId = id();
      await commands.admit(fields({ commandId, timeoutMs: 50 }));
      await new Promise((resolve) => setTimeout(resolve, 60));
      await commands.read(named(commandId));
      expect(await kinds('audit')).to.deep.equal([...before, 'command_submitted', 'indeterminate']);
      await answer(commandId, 200);
      expect((await kinds('audit')).slice(-2)).to.deep.equal(['indeterminate', 'executed']);
    });

    it('refused ones are a count of their site, code and minute, and push nothing out, however many', async () => {
      await grants.setGrant(doorId, 'site_2', { role: 'viewer', notBefore: undefined, notAfter: undefined }, entry);
      await submitAndAnswer(200);
      const happened = await trail('audit');
      for (let count = 0; count < 300; count += 1) {
        const commandId = id();
        expect(await refusedWith({ siteId: 'site_2', scope: 'query', commandId })).to.equal('claimed');
        await answer(commandId, 400, { receipt: 'stale' });
      }
      await submitAndAnswer(400, { credentialRefused: true });
      expect(await trail('audit')).to.deep.equal(happened);
      const open = await new AuditStore(link).openFolds(doorId);
      const counts = [
        ...(await trail('auditTraffic')),
        ...open.map((text) => JSON.parse(text) as Record<string, unknown>),
      ];
      const sum = (wanted: string): number =>
        counts.filter(({ code }) => code === wanted).reduce((all, { count }) => all + Number(count), 0);
      expect(counts.length, 'two, or four over the turn of a minute').to.be.within(2, 4);
      expect([sum('refused'), sum('refused_credential')]).to.deep.equal([300, 1]);
      expect(counts.map(({ actor, door }) => [actor, door])).to.deep.include(['site_2', doorId]);
    });

    it('those that certainly did nothing are a count as well', async () => {
      const [pending, unwritten] = [id(), id()];
      await commands.admit(fields({ commandId: pending, node: 'node-b', conn: undefined, timeoutMs: 50 }));
      await commands.admit(fields({ commandId: unwritten }));
      await commands.abandon(named(unwritten), 'node-a');
      await new Promise((resolve) => setTimeout(resolve, 60));
      await commands.read(named(pending));
      expect(await kinds('audit')).to.deep.equal(before);
      expect((await new AuditStore(link).openFolds(doorId)).join()).to.contain('"code":"expired"');
    });

    it('a command whose relay died with it is found by the next one, even when its state is forgotten', async () => {
      const command = fields({ timeoutMs: 50 });
      const { commandId } = command;
      await commands.admit(command);
      await link.client.hdel(kept().commands(minuteOf(command.iat)), commandId);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await commands.admit(fields());
      expect((await trail('audit')).slice(-2)).to.deep.include({ ...JSON.parse(entry) });
      expect((await trail('audit')).at(-1)).to.include({ commandId, code: 'indeterminate', door: doorId });
    });
  });
});
