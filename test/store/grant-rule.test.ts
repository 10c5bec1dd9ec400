import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { DoorAccess } from '../../src/doors/door-access.js';
import { ROLES, SCOPE_ROLES } from '../../src/protocol/api.js';
import { SCOPES } from '../../src/protocol/envelope.js';
import { DoorGrantStore } from '../../src/store/door-grants.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { FunctionLibrary } from '../../src/store/function-library.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { FakeClock } from '../support/fake-clock.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const COMMON = fileURLToPath(new URL('../../redis/functions/00-common.lua', import.meta.url));
const PROBE = `
register('probe_grant', function(keys, args) return in_force(args[1], tonumber(args[2])) or '' end)
register('probe_rank', function(keys, args) return ROLE_RANK[args[1]] end)
register('probe_scope', function(keys, args) return SCOPE_ROLE[args[1]] end)
`;

/** Relays read the rule of 7.6 in TypeScript, admission in Lua: the same cases for both. */
describe('the rule of grants, in TypeScript and in Lua (protocol 7.6)', () => {
  const clock = new FakeClock();
  let redis: TestRedis;
  let link: RedisLink;
  let access: DoorAccess;
  let library: FunctionLibrary;
  let dir: string;

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    access = new DoorAccess({ records: new DoorRecordStore(link), grants: new DoorGrantStore(link), clock });
    dir = mkdtempSync(join(tmpdir(), 'openlock-lua-'));
    writeFileSync(join(dir, '00-common.lua'), readFileSync(COMMON));
    writeFileSync(join(dir, '10-probe.lua'), PROBE);
    library = new FunctionLibrary(dir);
  });
  after(async () => {
    await redis.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const ask = (name: string, ...args: (string | number)[]): Promise<unknown> =>
    link.run((client) => library.call(client, name, [], args));

  const now = clock.now();
  const cases: readonly (readonly [string, string, number | undefined, number | undefined, string | undefined])[] = [
    ['without dates', 'viewer', undefined, undefined, 'viewer'],
    ['from this very moment on', 'user', now, undefined, 'user'],
    ['from a moment later', 'user', now + 1, undefined, undefined],
    ['until this very moment', 'manager', undefined, now, undefined],
    ['until a moment later', 'manager', undefined, now + 1, 'manager'],
    ['between two dates', 'user', now - 1, now + 1, 'user'],
    ['of a role nobody knows', 'owner', undefined, undefined, undefined],
  ];
  for (const [name, role, notBefore, notAfter, expected] of cases) {
    it(`a grant ${name} is ${expected === undefined ? 'not ' : ''}in force`, async () => {
      expect(access.inForce({ role, notBefore, notAfter })).to.equal(expected);
      expect(await ask('probe_grant', `${role}|${notBefore ?? ''}|${notAfter ?? ''}`, now)).to.equal(expected ?? '');
    });
  }

  it('ranks roles and scopes alike', async () => {
    expect(await Promise.all(ROLES.map((role) => ask('probe_rank', role)))).to.deep.equal([1, 2, 3]);
    for (const scope of SCOPES) expect(await ask('probe_scope', scope)).to.equal(SCOPE_ROLES[scope]);
  });
});
