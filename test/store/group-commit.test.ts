import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { CommandStore, minuteOf, type AdmitResult } from '../../src/store/command-store.js';
import { doorBatch } from '../../src/store/door-items.js';
import { DoorGrantStore } from '../../src/store/door-grants.js';
import { DoorPresenceStore } from '../../src/store/door-presence.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { wordsOf, type Words } from '../../src/store/function-library.js';
import { GroupCommit, type BatchItem } from '../../src/store/group-commit.js';
import { doorKeys } from '../../src/store/keys.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { toStoreError } from '../../src/store/store-errors.js';
import { until } from '../support/counting.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';
import { TcpProxy } from '../support/tcp-proxy.js';

interface Call {
  readonly name: string;
  readonly keys: readonly string[];
  readonly words: readonly string[];
  readonly answer: (reply: unknown) => void;
  readonly fail: (error: unknown) => void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (answer) => String(answer),
    (error: unknown) => (error instanceof OpenLockError ? error.code : (error as Error).name),
  );
/** What a link makes of an error of Redis. */
const reply = (message: string): unknown => toStoreError(Object.assign(new Error(message), { name: 'ReplyError' }));
/** The words of a call, read as Redis reads them. */
function read({ text, count }: Words): string[] {
  const bytes = Buffer.from(text);
  const words: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\r\n', at);
    const length = Number(bytes.subarray(at + 1, end).toString());
    words.push(bytes.subarray(end + 2, end + 2 + length).toString());
    at = end + 2 + length + 2;
  }
  expect(words).to.have.length(count);
  return words;
}

describe('GroupCommit', () => {
  let calls: Call[];
  let clock: FakeClock;
  let sizes: number[];

  const commit = (isCluster = false): GroupCommit => {
    const link = {
      isCluster,
      clock,
      callWords: (name: string, keys: readonly string[], words: Words) =>
        new Promise((answer, fail) => calls.push({ name, keys, words: read(words), answer, fail })),
    };
    const onBatch = (items: number): void => void sizes.push(items);
    return new GroupCommit({ link, name: 'b', nameForEndings: 'e', head: wordsOf(['-']), onBatch });
  };
  const item = (word: string, over: Partial<BatchItem> = {}): BatchItem => ({ tag: 't', words: [word], ...over });
  const items = (batch: GroupCommit, count: number, over: Partial<BatchItem> = {}): Promise<string>[] =>
    Array.from({ length: count }, (_, index) => codeOf(batch.run(item(`${index}`, over))));
  const call = (index: number): Call => calls[index] ?? expect.fail(`there was no call ${index}`);
  const answerAll = (index: number): void =>
    call(index).answer(
      call(index)
        .words.slice(1)
        .map((word) => `a${word}`),
    );

  beforeEach(() => {
    calls = [];
    sizes = [];
    clock = new FakeClock();
  });

  it('makes one call of what a turn asks, in its order, and gives each its answer', async () => {
    const batch = commit();
    const answers = [batch.run(item('one')), batch.run(item('zwei ü')), batch.run(item('three'))];
    expect([calls.length, batch.waiting], 'not before the turn ends').to.deep.equal([0, 3]);
    await turn();
    expect(calls.map(({ name, keys, words }) => [name, keys, words])).to.deep.equal([
      ['b', ['t'], ['-', 'one', 'zwei ü', 'three']],
    ]);
    expect(batch.waiting).to.equal(0);
    answerAll(0);
    expect(await Promise.all(answers)).to.deep.equal(['aone', 'azwei ü', 'athree']);
    expect(sizes).to.deep.equal([3]);
  });

  it('sends at most 64 items a call and has two calls outstanding; the rest waits, in order', async () => {
    const batch = commit();
    const answers = items(batch, 200);
    await turn();
    expect(calls.map(({ words }) => words.length - 1)).to.deep.equal([64, 64]);
    expect(batch.waiting).to.equal(72);
    answerAll(1);
    await turn();
    await turn();
    expect(call(2).words.slice(1, 3)).to.deep.equal(['128', '129']);
    answerAll(0);
    answerAll(2);
    await turn();
    await turn();
    expect(call(3).words.slice(1)).to.deep.equal(Array.from({ length: 8 }, (_, index) => `${192 + index}`));
    answerAll(3);
    expect(await Promise.all(answers)).to.deep.equal(Array.from({ length: 200 }, (_, index) => `a${index}`));
  });

  it('sends at most 256 KiB a call, and one item that is larger alone', async () => {
    const batch = commit();
    const word = 'x'.repeat(100_000);
    for (const text of [word, word, word, 'x'.repeat(300_000), 'small']) void batch.run(item(text));
    await turn();
    expect(calls.map(({ words }) => words.length - 1)).to.deep.equal([2, 1]);
    answerAll(0);
    answerAll(1);
    await turn();
    await turn();
    expect(calls.slice(2).map(({ words }) => words.length - 1)).to.deep.equal([1, 1]);
  });

  it('puts items of one call under one head; those without go with any', async () => {
    const batch = commit();
    const [a, b] = [wordsOf(['A']), wordsOf(['B'])];
    for (const [word, head] of [
      ['1', undefined],
      ['2', a],
      ['3', undefined],
      ['4', b],
    ] as const)
      void batch.run(item(word, { ...(head !== undefined && { head }) }));
    await turn();
    expect(calls.map(({ words }) => words.join(' '))).to.deep.equal(['A 1 2 3', 'B 4']);
  });

  it('in a Cluster makes a call for each tag, each with two outstanding', async () => {
    const batch = commit(true);
    for (let count = 0; count < 150; count += 1) void batch.run(item(`${count}`, { tag: count < 140 ? 't' : 'u' }));
    await turn();
    expect(calls.map(({ keys, words }) => [keys[0], words.length - 1])).to.deep.equal([
      ['t', 64],
      ['t', 64],
      ['u', 10],
    ]);
  });

  it('calls every item unknown whose reply is lost, and sends none again; what was in line is refused with it', async () => {
    const batch = commit();
    const answers = items(batch, 150);
    await turn();
    answerAll(1);
    call(0).fail(new OpenLockError('store_unavailable', 'lost'));
    const heard = await Promise.all(answers);
    expect(heard.slice(0, 64).every((code) => code === 'store_unavailable')).to.equal(true);
    expect(heard.slice(64, 128)).to.include('a64').and.include('a127');
    expect(heard.slice(128).every((code) => code === 'store_unavailable')).to.equal(true);
    await settle();
    expect(calls, 'nothing went again').to.have.length(2);
    expect(batch.waiting).to.equal(0);
    const after = codeOf(batch.run(item('after')));
    await turn();
    answerAll(2);
    expect(await after).to.equal('aafter');
  });

  it('calls every item unknown when the function stopped midway, or did not answer each', async () => {
    const batch = commit();
    const stopped = items(batch, 2);
    await turn();
    call(0).fail(reply('ERR something broke'));
    expect(await Promise.all(stopped)).to.deep.equal(['store_unavailable', 'store_unavailable']);
    const short = items(batch, 2);
    await turn();
    call(1).answer(['only one']);
    expect(await Promise.all(short)).to.deep.equal(['store_unavailable', 'store_unavailable']);
    expect(calls).to.have.length(2);
  });

  it('fails an item alone that failed alone', async () => {
    const batch = commit();
    const answers = items(batch, 3);
    await turn();
    call(0).answer(['fine', Object.assign(new Error('WRONGTYPE'), { name: 'ReplyError' }), 'fine too']);
    expect(await Promise.all(answers)).to.deep.equal(['fine', 'ReplyError', 'fine too']);
  });

  it('sends the endings again, and them alone, that a full store has refused with all the rest', async () => {
    const batch = commit();
    const answers = ['admit', 'settle', 'claim', 'read'].map((word) =>
      codeOf(batch.run(item(word, { ends: word === 'settle' || word === 'read' }))),
    );
    await turn();
    call(0).fail(reply("OOM command not allowed when used memory > 'maxmemory'."));
    await settle();
    expect([call(1).name, call(1).words]).to.deep.equal(['e', ['-', 'settle', 'read']]);
    answerAll(1);
    expect(await Promise.all(answers)).to.deep.equal(['store_unavailable', 'asettle', 'store_unavailable', 'aread']);
    const [none] = items(batch, 1);
    await turn();
    call(2).fail(reply("OOM command not allowed when used memory > 'maxmemory'."));
    expect(await none).to.equal('store_unavailable');
    const ending = items(batch, 1, { ends: true });
    await turn();
    call(3).fail(reply("OOM command not allowed when used memory > 'maxmemory'."));
    await settle();
    call(4).fail(new OpenLockError('store_unavailable', 'lost'));
    expect(await ending[0], 'a second try is the last').to.equal('store_unavailable');
    expect(calls).to.have.length(5);
  });

  it('refuses at once what would be the 4,097th in line, and tells how long the first has waited', async () => {
    const batch = commit();
    void items(batch, 128);
    await turn();
    void items(batch, 4096);
    expect(await codeOf(batch.run(item('too much')))).to.equal('store_unavailable');
    await clock.advance(70);
    expect([batch.waiting, batch.oldestWaitMs]).to.deep.equal([4096, 70]);
    answerAll(0);
    await settle();
    expect(batch.waiting).to.equal(4096 - 64);
    expect(commit().oldestWaitMs, 'nothing waits').to.equal(0);
  });
});

/** protocol 6.7, with the real functions. */
describe('a batch of things at doors', () => {
  const ENTRY = '{"at":0,"node":"t","kind":"t","actor":"t"}';
  const KID = 'k'.repeat(43);
  const DOORS = ['front', 'back', 'cellar', 'attic', 'garage'];
  let redis: TestRedis;
  let proxy: TcpProxy;
  let link: RedisLink;
  let observer: RedisLink;
  let commands: CommandStore;
  let presence: DoorPresenceStore;

  beforeEach(async () => {
    redis = await startTestRedis();
    proxy = await TcpProxy.start(redis.socketPath);
    const credentials = /^unix:\/\/([^@]+)@/.exec(redis.url)?.[1] ?? '';
    const url = `redis://${credentials}@127.0.0.1:${proxy.port}`;
    link = await RedisLink.open({ clock: systemClock, url, clientName: 'behind-proxy', commandTimeoutMs: 300 });
    observer = await redis.link('observer');
    const batch = doorBatch(link);
    commands = new CommandStore(batch);
    presence = new DoorPresenceStore(link, batch);
    const grant = { role: 'user', notBefore: undefined, notAfter: undefined };
    for (const doorId of DOORS) {
      const { record } = doorKeys(doorId);
      await new DoorRecordStore(observer).add(doorId, {
        ...{ name: '', tokenHash: 'x', tokenUntil: 1, kid: undefined, auditEntry: ENTRY },
      });
      await observer.client.hset(record, 'kid', KID, 'node', 'a', 'conn', 'c', 'epoch', 1);
      await new DoorGrantStore(observer).setGrant(doorId, 'site', grant, ENTRY);
    }
  });

  afterEach(async () => {
    await link.close();
    await proxy.stop();
    await redis.stop();
  });

  const admit = (doorId: string, commandId: string): Promise<AdmitResult> =>
    commands.admit({
      ...{ siteId: 'site', doorId, commandId, jwe: 'jwe', scope: 'operate', kid: KID, iat: systemClock.now() },
      ...{ node: 'a', conn: 'c', liveNodes: ',a,', timeoutMs: 5000, builtInRole: undefined, auditEntry: ENTRY },
    });
  const event = (doorId: string, what: string): Promise<void> =>
    presence.event(doorId, 'boot', '{}', JSON.stringify({ what }));
  /** How often each event was written down. */
  const events = async (): Promise<ReadonlyMap<string, number>> => {
    const counts = new Map<string, number>();
    for (const doorId of DOORS) {
      for (const { text } of await new AuditStore(observer).read(doorKeys(doorId).auditTraffic, '-', 1000)) {
        const { what } = JSON.parse(text) as { what: string };
        counts.set(what, (counts.get(what) ?? 0) + 1);
      }
    }
    return counts;
  };
  const everywhere = (round: string): Promise<string[]> =>
    Promise.all(DOORS.map((doorId) => codeOf(event(doorId, `${round} ${doorId}`))));

  it('goes through but for the door whose key is of the wrong type', async () => {
    await observer.client.del(doorKeys('back').record);
    await observer.client.set(doorKeys('back').record, 'no hash');
    await observer.client.del(doorKeys('attic').auditTraffic);
    await observer.client.set(doorKeys('attic').auditTraffic, 'no stream');
    const outcomes = await Promise.all(
      DOORS.flatMap((doorId) => [
        codeOf(admit(doorId, `id-${doorId}`).then(({ outcome }) => outcome)),
        codeOf(event(doorId, doorId).then(() => 'written')),
      ]),
    );
    expect(outcomes).to.deep.equal([
      ...['claimed', 'written', 'ReplyError', 'written', 'claimed', 'written'],
      ...['claimed', 'ReplyError', 'claimed', 'written'],
    ]);
  });

  it('has done each of its items once, and none again, when the connection breaks before the reply', async () => {
    for (let round = 0; round < 5; round += 1) {
      proxy.swallowReplies = true;
      const lost = everywhere(`lost ${round}`);
      await until(async () => (await events()).has(`lost ${round} ${DOORS.at(-1)}`));
      proxy.cut();
      proxy.swallowReplies = false;
      expect(new Set(await lost)).to.deep.equal(new Set(['store_unavailable']));
      await until(() => link.ready);
      await everywhere(`after ${round}`);
    }
    const counts = await events();
    expect(counts.size).to.equal(5 * 2 * DOORS.length);
    expect(new Set(counts.values())).to.deep.equal(new Set([1]));
  });

  it('has done each of its items at most once when Redis hangs, and says soon that nobody knows', async () => {
    const admin = await openAdmin(redis);
    await admin.run((client) => client.client('PAUSE', 60_000, 'WRITE'));
    const begun = performance.now();
    const lost = await Promise.all(
      Array.from({ length: 40 }, (_, index) => everywhere(`hung ${index}`)), // 200 items: two calls, and some in line
    );
    expect(performance.now() - begun).to.be.lessThan(1500);
    expect(new Set(lost.flat())).to.deep.equal(new Set(['store_unavailable']));
    // Calls that are there run when it goes on.
    await admin.run((client) => client.client('UNPAUSE'));
    let tries = 0;
    await until(async () => (await codeOf(event('front', `after ${(tries += 1)}`))) === 'undefined');
    const counts = await events();
    expect(new Set(counts.values())).to.deep.equal(new Set([1]));
    const hung = [...counts.keys()].filter((what) => what.startsWith('hung'));
    expect(hung.length, 'what was in line was never sent').to.be.at.most(128);
    await admin.close();
  });

  it('has done each of its items once though the server lost the library meanwhile', async () => {
    const admin = await openAdmin(redis);
    const patient = await RedisLink.open({
      ...{ clock: systemClock, url: redis.url, clientName: 'patient', commandTimeoutMs: 20_000 },
    });
    presence = new DoorPresenceStore(patient, doorBatch(patient));
    const rounds = Array.from({ length: 20 }, async (_, index) => {
      for (let turns = 0; turns < index; turns += 1) await turn();
      if (index === 7) await admin.run((client) => client.call('FUNCTION', 'FLUSH'));
      return everywhere(`flushed ${index}`);
    });
    expect(new Set((await Promise.all(rounds)).flat())).to.deep.equal(new Set(['undefined']));
    const counts = await events();
    expect(counts.size).to.equal(20 * DOORS.length);
    expect(new Set(counts.values())).to.deep.equal(new Set([1]));
    await Promise.all([admin.close(), patient.close()]);
  });

  it('sees what its earlier items did: the places of a door are counted exactly over calls that overlap', async () => {
    const admin = await openAdmin(redis);
    const other = new CommandStore(doorBatch(admin));
    const mine = new CommandStore(doorBatch(await redis.link('mine')));
    const iat = systemClock.now();
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        if (index % 3 === 0) await turn();
        const result = await (index % 2 === 0 ? mine : other).admit({
          ...{ siteId: 'site', doorId: 'front', commandId: `c${index}`, jwe: 'jwe', scope: 'operate', kid: KID, iat },
          ...{ node: 'a', conn: 'c', liveNodes: ',a,', timeoutMs: 60_000, builtInRole: undefined, auditEntry: ENTRY },
        });
        return result.outcome;
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'claimed')).to.have.length(2);
    const claimed = `c${outcomes.indexOf('claimed')}`;
    const name = { doorId: 'front', commandId: claimed, minute: minuteOf(iat) };
    expect((await other.read(name))?.state).to.equal('claimed');
    await admin.close();
  });
});
