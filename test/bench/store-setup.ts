/** Site, session, doors and grants written straight into the store, through the functions the services use. */
import { createHash, randomBytes } from 'node:crypto';

import { systemClock } from '../../src/clock.js';
import { DoorGrantStore } from '../../src/store/door-grants.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { SiteStore } from '../../src/store/site-store.js';
import { doorNames, sessionTokenOf, type DoorRange } from './load/door-names.js';
import { Gate } from './load/gate.js';
import { SITE, type DoorKey } from './stage.js';

const DAY_MS = 86_400_000;
const AT_ONCE = 200;
const ENTRY = JSON.stringify({ at: 0, node: 'bench', kind: 'door_added', actor: 'operator' });

/** Opens the site's session; each door is enrolled with the key, has a session, and grants the site the role `user`. */
export async function furnish(redisUrl: string, doors: DoorRange, key: DoorKey): Promise<void> {
  const link = await RedisLink.open({
    clock: systemClock,
    url: redisUrl,
    clientName: 'bench',
    commandTimeoutMs: 10_000,
  });
  try {
    await new SiteStore(link).openSession({
      ...SITE,
      verifiedAt: Date.now(),
      refreshHash: undefined,
      lifeMs: DAY_MS,
      auditEntry: ENTRY,
    });
    const stores = { records: new DoorRecordStore(link), grants: new DoorGrantStore(link) };
    const gate = new Gate(AT_ONCE);
    await Promise.all(doorNames(doors).map((doorId) => gate.run(() => addDoor(stores, doorId, key))));
  } finally {
    await link.close();
  }
}

interface Stores {
  readonly records: DoorRecordStore;
  readonly grants: DoorGrantStore;
}

async function addDoor({ records, grants }: Stores, doorId: string, key: DoorKey): Promise<void> {
  const until = Date.now() + DAY_MS;
  await records.add(doorId, { name: doorId, tokenHash: 'bench', tokenUntil: until, kid: undefined, auditEntry: ENTRY });
  const outcome = await records.register({
    doorId,
    nonce: randomBytes(12).toString('base64url'),
    kid: key.kid,
    publicKey: key.publicKey,
    enrolmentTokenHash: 'bench',
    rotatedFromKid: undefined,
    kidBanned: false,
    sessionHash: createHash('sha256').update(sessionTokenOf(doorId)).digest('base64url'),
    sessionMs: DAY_MS,
    firmware: JSON.stringify({ version: '1.0.0', board: 'bench', securityVersion: 1 }),
    nonceMs: 60_000,
    auditEntry: ENTRY,
  });
  if (outcome !== 'ok') throw new Error(`${doorId} could not be enrolled: ${outcome}`);
  await grants.setGrant(doorId, SITE.siteId, { role: 'user', notBefore: undefined, notAfter: undefined }, ENTRY);
}
