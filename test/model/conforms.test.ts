import { expect } from 'chai';

import { systemRandom } from '../../src/clock.js';
import { COMMAND_STATES } from '../../src/protocol/client-frames.js';
import { CommandStore, minuteOf, type CommandName } from '../../src/store/command-store.js';
import { doorBatch } from '../../src/store/door-items.js';
import { DoorGrantStore } from '../../src/store/door-grants.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { channels, doorKeys, shardKeys, shardOf } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import {
  GUARDS,
  RELAYS,
  STORE_FUNCTIONS,
  WITH_ENVELOPE,
  type Called,
  type Conn,
  type Relay,
  type StoreModel,
} from './store-model.js';

const KID = 'k'.repeat(43);
const ENTRY = '{"at":0,"node":"t","kind":"command_submitted","actor":"t"}';
const SITE = 'site_1';
const DOOR = 'front-door';
const guards = new Set(GUARDS);

/** Where the door can be: nowhere, on its first connection, or on its second at either relay. */
const LIVE = [
  { live: 0, liveAt: '' },
  { live: 1, liveAt: 'A' },
  { live: 2, liveAt: 'A' },
  { live: 2, liveAt: 'B' },
] as const;
const CALLERS = RELAYS.flatMap((relay) => ([0, 1, 2] as const).map((conn) => ({ relay, conn })));

/** What the store can hold of a command, of which `admittedBy` has admitted one. */
function stores(admittedBy: Relay): StoreModel[] {
  const ghosts = { claimedFor: 0, wrongChange: '' } as const;
  const known = COMMAND_STATES.flatMap((command) =>
    [false, true].flatMap((late) =>
      (command === 'pending' ? [false, true] : [false]).map((jwe) => ({ command, late, jwe, admittedBy })),
    ),
  );
  const none = { command: 'none', late: false, jwe: false, admittedBy: '' } as const;
  return LIVE.flatMap((live) => [none, ...known].map((command) => ({ ...command, ...live, ...ghosts })));
}

/** Each function of the model does to the store, answers and publishes what the Lua function of its name does. */
describe('the model and redis/functions/commands.lua', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let link: RedisLink;
  let commands: CommandStore;
  const published: string[] = [];
  let onMark = (): void => undefined;
  const keys = doorKeys(DOOR);
  const iat = Date.now();
  const minuteKey = shardKeys(shardOf(DOOR)).commands(minuteOf(iat));
  const named = (commandId: string): CommandName => ({ doorId: DOOR, commandId, minute: minuteOf(iat) });

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    commands = new CommandStore(doorBatch(link));
    await new DoorRecordStore(link).add(DOOR, {
      name: '',
      tokenHash: 'x',
      tokenUntil: 1,
      kid: undefined,
      auditEntry: ENTRY,
    });
    await link.client.hset(keys.record, 'kid', KID, 'publicKey', 'pem');
    await new DoorGrantStore(link).setGrant(
      DOOR,
      SITE,
      { role: 'manager', notBefore: undefined, notAfter: undefined },
      ENTRY,
    );
    for (const relay of RELAYS)
      await link.subscribe(channels.node(relay), (message) => {
        const { t, commands: about } = JSON.parse(message) as { t: string; commands?: { state?: string }[] };
        if (t === 'mark') onMark();
        for (const { state } of about ?? [])
          published.push(t === 'claim' ? `hint to ${relay}` : `${t} ${state} to ${relay}`);
      });
  });

  after(() => redis.stop());

  async function put(store: StoreModel, id: string): Promise<void> {
    const { live, liveAt, command, late, jwe, admittedBy } = store;
    const now = Date.now();
    const at = late ? now - 60_000 : now;
    const batch = link.client.pipeline().hdel(keys.record, 'node', 'conn', 'open').del(minuteKey);
    if (live !== 0) batch.hset(keys.record, 'node', liveAt, 'conn', `conn-${live}`, 'epoch', live);
    const settled = command === 'executed' ? `|200|${at}` : command === 'refused' ? `|400|${at}` : '';
    const rest = command === 'pending' ? `|${jwe ? 'the envelope' : ''}` : settled;
    if (command !== 'none') batch.hset(minuteKey, id, `${command}|${SITE}|${admittedBy}|${at}|${at + 30_000}|${rest}`);
    await batch.exec();
  }

  /** What the other relays were told by what was called before. */
  async function messages(): Promise<string[]> {
    const marked = new Promise<void>((resolve) => (onMark = resolve));
    await link.publish(channels.node('A'), '{"t":"mark"}');
    await marked;
    return published.splice(0);
  }

  async function compare(
    store: StoreModel,
    args: string,
    expected: Called,
    call: (id: string) => Promise<string | undefined>,
  ): Promise<void> {
    const id = systemRandom.bytes(32).toString('base64url');
    await put(store, id);
    const reply = await call(id);
    const [state, , , , , , envelope] = (await link.client.hget(minuteKey, id))?.split('|') ?? [];
    const jwe = state === 'pending' && envelope !== '' && envelope !== undefined;
    const told = await messages();
    const { hint, settled } = expected;
    expect(
      { reply: reply ?? expected.reply, state: state ?? 'none', jwe, told },
      `${JSON.stringify(store)} ${args}`,
    ).to.deep.equal({
      reply: expected.reply,
      state: expected.store.command,
      jwe: expected.store.jwe,
      told: [
        ...(hint === undefined ? [] : [`hint to ${hint}`]),
        ...(settled === undefined ? [] : [`settled ${settled} to ${store.admittedBy}`]),
      ],
    });
  }

  const connection = (conn: Conn): string => `conn-${conn}`;

  it('agree on admit', async () => {
    for (const store of stores('A')) {
      for (const { relay, conn } of CALLERS)
        await compare(store, `${relay} ${conn}`, STORE_FUNCTIONS.admit(store, relay, conn, guards), async (id) => {
          const result = await commands.admit({
            siteId: SITE,
            doorId: DOOR,
            commandId: id,
            jwe: 'the envelope',
            scope: 'operate',
            kid: KID,
            iat,
            node: relay,
            conn: conn === 0 ? undefined : connection(conn),
            liveNodes: ',A,B,',
            timeoutMs: 30_000,
            builtInRole: undefined,
            auditEntry: ENTRY,
          });
          if (result.outcome === 'replayed') return `replayed ${result.state}`;
          return result.outcome === 'refused' ? result.code : result.outcome;
        });
    }
  });

  it('agree on claim', async () => {
    for (const store of stores('A')) {
      for (const { relay, conn } of CALLERS.filter(({ conn: link_ }) => link_ !== 0))
        await compare(store, `${relay} ${conn}`, STORE_FUNCTIONS.claim(store, relay, conn, guards), async (id) => {
          const result = await commands.claim(named(id), relay, connection(conn));
          return 'jwe' in result ? WITH_ENVELOPE : result.outcome;
        });
    }
  });

  it('agree on nudge', async () => {
    for (const store of stores('A'))
      await compare(store, '', STORE_FUNCTIONS.nudge(store), async (id) => (await commands.nudge(named(id))) ?? 'none');
  });

  it('agree on settle', async () => {
    for (const store of RELAYS.flatMap((relay) => stores(relay))) {
      for (const relay of RELAYS) {
        for (const status of [200, 400] as const)
          await compare(
            store,
            `${relay} ${status}`,
            STORE_FUNCTIONS.settle(store, relay, status, guards),
            async (id) => {
              const { state } = await commands.settle({
                ...named(id),
                status,
                credentialRefused: false,
                receipt: undefined,
                node: relay,
                auditEntry: ENTRY,
              });
              return state ?? 'none';
            },
          );
      }
    }
  });

  it('agree on abandon', async () => {
    for (const store of RELAYS.flatMap((relay) => stores(relay))) {
      for (const relay of RELAYS)
        await compare(store, relay, STORE_FUNCTIONS.abandon(store, relay, guards), async (id) => {
          await commands.abandon(named(id), relay);
          return undefined; // it tells nobody
        });
    }
  });

  it('agree on read', async () => {
    for (const store of stores('A'))
      await compare(
        store,
        '',
        STORE_FUNCTIONS.read(store, guards),
        async (id) => (await commands.read(named(id)))?.state ?? 'none',
      );
  });
});
