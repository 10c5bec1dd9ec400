import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { CommandStore, minuteOf } from '../../src/store/command-store.js';
import { doorBatch } from '../../src/store/door-items.js';
import { DoorGrantStore } from '../../src/store/door-grants.js';
import { DoorPresenceStore } from '../../src/store/door-presence.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { doorKeys } from '../../src/store/keys.js';
import { RelayStore } from '../../src/store/relay-store.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { SiteStore } from '../../src/store/site-store.js';
import { StoreMemory } from '../../src/store/store-memory.js';
import { Harness, context, outcomeOf } from '../sites/support/harness.js';
import { FakeClock } from '../support/fake-clock.js';
import { openAdmin } from '../support/redis.js';

const ENTRY = '{"at":0,"node":"t","kind":"command_submitted","actor":"t"}';
const KID = 'k'.repeat(43);

/** A real Redis with little memory, really filled (protocol 8.3): logins give way first, then commands; endings never do. */
describe('a store that fills up', () => {
  let harness: Harness;
  let link: RedisLink;
  let admin: RedisLink;
  let commands: CommandStore;
  let doors: DoorRecordStore;
  let grants: DoorGrantStore;
  let presence: DoorPresenceStore;
  const ratios: number[] = [];
  let memory: StoreMemory;
  const clock = new FakeClock();
  let filled = 0;

  beforeEach(async () => {
    harness = await Harness.start({ redisArguments: ['--maxmemory', '16mb', '--maxmemory-policy', 'noeviction'] });
    link = harness.link;
    admin = await openAdmin(harness.redis);
    const batch = doorBatch(link);
    commands = new CommandStore(batch);
    doors = new DoorRecordStore(link);
    grants = new DoorGrantStore(link);
    presence = new DoorPresenceStore(link, batch);
    ratios.length = 0;
    memory = new StoreMemory({
      link,
      clock,
      onRatio: (ratio) => ratios.push(ratio),
      onError: (error) => {
        throw error;
      },
    });
    memory.start();
    await doors.add('front', { name: 'Front', tokenHash: 'x', tokenUntil: 1, kid: undefined, auditEntry: ENTRY });
    await link.client.hset(doorKeys('front').record, 'kid', KID);
    await link.client.hset(doorKeys('front').record, 'node', 'node-a', 'conn', 'conn-1', 'epoch', 1);
    await grants.setGrant('front', 'site_1', { role: 'user', notBefore: undefined, notAfter: undefined }, ENTRY);
  });
  afterEach(async () => {
    memory.stop();
    await admin.close();
    await harness.stop();
  });

  const used = async (): Promise<number> => {
    const info = await admin.run((client) => client.info('memory'));
    const number = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
    return number('used_memory') / number('maxmemory');
  };
  /** Fills up to a part of the memory. */
  const fillTo = async (part: number): Promise<void> => {
    while ((await used()) < part)
      await admin.run((client) => client.set(`filler:${(filled += 1)}`, randomBytes(16 * 1024)));
  };
  /** To the last byte and beyond: buffers of connections come and go, and must not make room. */
  const overfill = async (): Promise<void> => {
    await fillTo(0.97);
    await admin.run((client) => client.config('SET', 'maxmemory', '15mb'));
  };
  const submit = async (): Promise<{ readonly commandId: string; readonly outcome: string }> => {
    const commandId = randomBytes(32).toString('base64url');
    const outcome = await commands
      .admit({
        siteId: 'site_1',
        doorId: 'front',
        commandId,
        jwe: 'jwe',
        scope: 'operate',
        kid: KID,
        iat: systemClock.now(),
        node: 'node-a',
        conn: 'conn-1',
        liveNodes: ',node-a,',
        timeoutMs: 5000,
        builtInRole: undefined,
        auditEntry: ENTRY,
      })
      .then(
        (result) => result.outcome,
        (error: { code?: string }) => error.code ?? 'error',
      );
    return { commandId, outcome };
  };
  const settle = (commandId: string): ReturnType<CommandStore['settle']> =>
    commands.settle({
      doorId: 'front',
      commandId,
      minute: minuteOf(systemClock.now()),
      status: 200,
      credentialRefused: false,
      receipt: 'sealed',
      node: 'node-a',
      auditEntry: ENTRY,
    });
  const login = async (): Promise<string> => {
    const sites = await harness.relay({ isStoreFull: () => memory.isFull });
    return outcomeOf(sites.login({ email: 'a@shop.example', website: harness.website.origin }, context()));
  };

  it('refuses new logins above nine tenths, while commands still go through', async () => {
    await fillTo(0.6);
    await memory.look();
    expect([memory.isFull, await login()]).to.deep.equal([false, 'ok']);
    await fillTo(0.92);
    await memory.look();
    expect(ratios.at(-1)).to.be.within(0.92, 0.95);
    expect(await login()).to.equal('store_unavailable');
    const { commandId, outcome } = await submit();
    expect(outcome).to.equal('claimed');
    expect(await settle(commandId)).to.deep.equal({ state: 'executed', settled: true });
    await admin.run(async (client) => client.del(...(await client.keys('filler:*'))));
    await clock.advance(5000);
    await memory.look();
    expect([memory.isFull, await login()], 'room again').to.deep.equal([false, 'ok']);
  });

  it('lets the trail be exported, by whoever comes then, which makes room', async () => {
    const stream = doorKeys('front').audit;
    for (let count = 0; count < 5000; count += 1) await link.client.xadd(stream, '*', 'e', 'x'.repeat(800));
    await overfill();
    expect((await submit()).outcome).to.equal('store_unavailable');
    const store = new AuditStore(await harness.redis.link('openlock-cli'));
    await store.closeDoorFolds();
    for (const name of await store.streams()) {
      for (let rows = await store.read(name, '-', 1000); rows.length > 0; rows = await store.read(name, '-', 1000)) {
        const dropped = await store.dropped(name);
        await store.remove(
          name,
          rows.map(({ id }) => id),
          dropped?.count,
        );
      }
    }
    expect((await submit()).outcome).to.equal('claimed');
  });

  it('refuses commands when Redis does, records nothing of them, and still takes endings', async () => {
    const claimed = await submit();
    const sites = new SiteStore(link);
    const session = { siteId: 'site_1', sessionId: 's1', email: 'a@shop.example', origin: 'https://shop.example' };
    await sites.openSession({ ...session, verifiedAt: 1, refreshHash: 'x', lifeMs: 60_000, auditEntry: ENTRY });
    await overfill();
    // In one call: Redis refuses all of it, and the ending goes again.
    const [refused, settled] = await Promise.all([submit(), settle(claimed.commandId)]);
    expect(settled).to.deep.equal({ state: 'executed', settled: true });
    expect(refused.outcome).to.equal('store_unavailable');
    const { commandId } = refused;
    expect(await commands.read({ doorId: 'front', commandId, minute: undefined }), 'nothing of it').to.equal(undefined);
    expect(memory.isFull, 'a refused write says so at once').to.equal(true);
    expect(ratios.at(-1)).to.be.at.least(1);
    expect(await settle(claimed.commandId), 'alone, and for the second time').to.deep.equal({
      ...{ state: 'executed', settled: false },
    });
    expect(await doors.setFlag('front', 'disabled', true, ENTRY)).to.equal('ok');
    expect(await grants.removeGrant('front', 'site_1', ENTRY)).to.equal('ok');
    expect(await sites.endSession('site_1', 's1', ENTRY)).to.equal(true);
    expect(await presence.detach('front', 'conn', 'conn-1', ENTRY)).to.equal(true);
    expect((await new RelayStore(link).beat('node-a', 10_000)).live).to.include('node-a');
  });
});
