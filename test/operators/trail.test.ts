import { expect } from 'chai';

import { readTrail } from '../../src/operators/trail.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { doorKeys, firmwareKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

describe('the audit trail of one door', () => {
  let redis: TestRedis;
  let link: RedisLink;
  let store: AuditStore;
  let at = 0;

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    store = new AuditStore(link);
  });
  after(() => redis.stop());

  const write = async (stream: string, fields: object): Promise<number> => {
    at += 1;
    await store.append(stream, JSON.stringify({ at, node: 'n', actor: 'relay', ...fields }));
    return at;
  };
  const times = async (query: Parameters<typeof readTrail>[1]): Promise<readonly unknown[]> =>
    (await readTrail(store, query)).map(({ entry }) => entry['at']);

  it('has what updates did to it, in order of time, and nothing of other doors', async () => {
    const own = await write(doorKeys('front').audit, { kind: 'registered', door: 'front' });
    await write(firmwareKeys.audit, { kind: 'rollout_started' });
    const step = await write(firmwareKeys.auditTraffic, { kind: 'update_step', door: 'front', code: 'offered' });
    await write(firmwareKeys.auditTraffic, { kind: 'update_step', door: 'back', code: 'offered' });
    const last = await write(doorKeys('front').auditTraffic, { kind: 'socket_closed', door: 'front' });
    expect(await times({ door: 'front', last: 20 })).to.deep.equal([own, step, last]);
    expect(await times({ door: 'front', last: 2 })).to.deep.equal([step, last]);
    expect(await times({ door: 'front', last: 0 })).to.deep.equal([]);
    expect(await times({ door: 'side', last: 20 })).to.deep.equal([]);
  });

  it('finds its steps behind thousands of other doors', async () => {
    const step = await write(firmwareKeys.auditTraffic, { kind: 'update_step', door: 'far', code: 'confirmed' });
    await link.run((client) =>
      Promise.all(
        Array.from({ length: 1700 }, (_, index) =>
          client.xadd(
            firmwareKeys.auditTraffic,
            '*',
            'e',
            JSON.stringify({ at: 9999, kind: 'update_step', door: `d${index}` }),
          ),
        ),
      ),
    );
    expect(await times({ door: 'far', last: 5 })).to.deep.equal([step]);
  });

  it('follows its own steps only', async () => {
    const positions = new Map<string, string>();
    await times({ door: 'front', last: 0, positions });
    await write(firmwareKeys.auditTraffic, { kind: 'update_step', door: 'back', code: 'failed' });
    const step = await write(firmwareKeys.auditTraffic, { kind: 'update_step', door: 'front', code: 'failed' });
    expect(await times({ door: 'front', last: 0, positions })).to.deep.equal([step]);
    expect(await times({ door: 'front', last: 0, positions })).to.deep.equal([]);
  });

  it('is part of the whole trail, which has the releases and rollouts too', async () => {
    expect(await store.streams()).to.include(firmwareKeys.audit);
    const kinds = (await readTrail(store, { last: 100_000 })).map(({ entry }) => entry['kind']);
    expect(kinds).to.include('rollout_started');
  });
});
