/** A store of layout 1 with something of everything. */
import type { RedisClient } from '../../../../src/store/redis-client.js';
import { writeLayout1Door, type Layout1Door } from './layout-1.js';

export const SITE = 'site_1';
export const OTHER_SITE = 'site_2';
export const KID = 'k'.repeat(43);
/** Entries of the front door's trail: some pages. */
export const TRAIL = 600;

export const submitted = (id: string): string => `{"at":1,"node":"old","kind":"command_submitted","commandId":"${id}"}`;
export const entry = (number: number): string => `{"at":1,"node":"old","kind":"door_added","number":${number}}`;

/** A door everybody uses. `now`: Unix milliseconds, by the clock of Redis. */
export function frontDoor(now: number): Layout1Door {
  return {
    record: {
      ...{ name: 'Front | Döör', createdAt: now - 1_000_000, kid: KID, publicKey: 'pem', registeredAt: now - 900_000 },
      ...{ sessionHash: 'hash', sessionUntil: now + 900_000, firmware: '{"board":"esp32"}', epoch: 17 },
      ...{ source: '192.0.2.1', sourceBefore: '', kidsBefore: 'a b' },
    },
    grants: { [SITE]: 'manager||', [OTHER_SITE]: `viewer|${now - 5000}|${now + 5_000_000}` },
    live: { node: 'relay-1.a', conn: 'conn-1', epoch: 17, since: now - 60_000 },
    state: { state: '{"locked":true}', at: now - 10_000, lastSeen: now - 9_000 },
    nonces: { n1: now + 50_000, n2: now + 60_000 },
    cooldowns: { [SITE]: { count: 4, level: 2, until: now + 100_000 }, operator: { count: 1 } },
    commands: [
      {
        id: 'done',
        site: SITE,
        state: 'executed',
        at: now - 20_000,
        deadline: now - 15_000,
        status: 200,
        settledAt: now - 19_000,
        receipt: 'r.e.c',
        counted: true,
      },
      {
        id: 'refused',
        site: SITE,
        state: 'refused',
        at: now - 20_000,
        deadline: now - 15_000,
        status: 400,
        settledAt: now - 19_000,
      },
      { id: 'unknown', site: SITE, state: 'indeterminate', at: now - 30_000, deadline: now - 25_000 },
      {
        id: 'running',
        site: SITE,
        state: 'claimed',
        at: now - 1000,
        deadline: now + 50_000,
        submitted: submitted('running'),
      },
      {
        id: 'waiting',
        site: OTHER_SITE,
        state: 'pending',
        at: now - 1000,
        deadline: now + 50_000,
        submitted: submitted('waiting'),
        jwe: 'j.w.e',
      },
      { id: 'late', site: SITE, state: 'claimed', at: now - 9000, deadline: now - 4000, submitted: submitted('late') },
      // Its state was forgotten after ten minutes.
      {
        id: 'old',
        site: SITE,
        state: 'claimed',
        at: now - 700_000,
        deadline: now - 695_000,
        submitted: submitted('old'),
      },
    ],
    audit: {
      entries: Array.from({ length: TRAIL }, (_, index) => [`${now - 1_000_000 + index}-0`, entry(index)] as const),
      dropped: 7,
    },
    traffic: {
      entries: [
        [`${now - 500_000}-0`, entry(1)],
        [`${now - 500_000}-1`, entry(2)],
        [`${now - 400_000}-0`, entry(3)],
      ],
      exported: [`${now - 500_000}-0`, `${now - 500_000}-1`, `${now - 400_000}-0`],
      dropped: 5,
    },
    fold: { minute: now - (now % 60_000), '{"at":1,"node":"store","kind":"door_event"}': 3 },
  };
}

/** Six doors, a relay that died and one that was stopped, sites, and what has no door. Resolves to the time it was written at. */
export async function writeHouse(client: RedisClient): Promise<number> {
  const [seconds] = await client.time();
  const now = Number(seconds) * 1000;
  await writeLayout1Door(client, 'front', frontDoor(now));
  await writeLayout1Door(client, 'new', {
    record: { name: 'New', createdAt: now, enrolHash: 'h', enrolUntil: now + 1000, enrolKid: '' },
    audit: { entries: [[`${now}-0`, entry(1)]] },
  });
  await writeLayout1Door(client, 'removed', {
    commands: [
      { id: 'ran', site: SITE, state: 'claimed', at: now - 1000, deadline: now + 50_000, submitted: submitted('ran') },
    ],
    audit: { entries: [[`${now - 5}-0`, entry(1)]] },
    traffic: { entries: [[`${now - 6}-0`, entry(2)]] },
    fold: { minute: now - (now % 60_000), '{"at":1,"node":"store","kind":"command_settled"}': 2 },
  });
  await writeLayout1Door(client, 'forgotten', {});
  for (const name of ['side', 'back'])
    await writeLayout1Door(client, name, {
      record: { name, createdAt: now, kid: KID, banned: '1', disabled: '1' },
      grants: { [SITE]: 'operator||' },
      audit: { entries: [[`${now}-0`, entry(1)]] },
    });
  await client.sadd('ol:{site:site_1}:doors', 'front', 'side', 'back');
  await client.sadd('ol:sites', SITE, OTHER_SITE);
  await client.zadd('ol:nodes', now - 20_000, 'relay-1.a');
  await client.sadd('ol:{node:relay-1.a}:doors', 'front');
  return now;
}
