import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { AuditTrail } from '../../src/audit/trail.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { fleetKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

describe('audit trail (protocol 10)', () => {
  let redis: TestRedis;
  let link: RedisLink;
  let store: AuditStore;
  let minutes = 30_000_000;
  let now = 0;
  const errors: unknown[] = [];

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    store = new AuditStore(link);
  });

  after(() => redis.stop());

  beforeEach(() => {
    minutes += 100;
    now = minutes * 60_000;
    errors.length = 0;
  });

  const trail = (over: Partial<Pick<AuditStore, 'fold'>> = {}): AuditTrail =>
    new AuditTrail({
      store: {
        fold: (...parameters) => store.fold(...parameters),
        closeFoldsBefore: (minute) => store.closeFoldsBefore(minute),
        append: (...parameters) => store.append(...parameters),
        ...over,
      },
      clock: { ...systemClock, now: () => now },
      node: 'relay-1',
      onError: (error) => errors.push(error),
    });

  const refusal = (address: string, code = 'door_not_found') => ({
    kind: 'refused' as const,
    actor: 'anonymous',
    code,
    address,
  });
  const open = async (): Promise<Record<string, unknown>[]> =>
    (await store.openFolds()).map((text) => JSON.parse(text) as Record<string, unknown>);

  it('folds refusals per address, code and minute, over relays', async () => {
    const one = trail();
    const two = trail();
    for (let count = 0; count < 500; count += 1) (count % 2 === 0 ? one : two).refusal(refusal('192.0.2.1'));
    one.refusal(refusal('192.0.2.2'));
    await Promise.all([one.flush(), two.flush()]);
    const mine = (await open()).filter((entry) => entry['at'] === now);
    expect(mine).to.have.length(2);
    expect(mine.find((entry) => entry['address'] === '192.0.2.1')).to.include({
      count: 500,
      kind: 'refused',
      code: 'door_not_found',
      node: 'relay-1',
    });
  });

  it('bounds how many folds a flood from many addresses can make', async () => {
    const flooded = trail();
    for (let count = 0; count < 5000; count += 1) flooded.refusal(refusal(`2001:db8::${count.toString(16)}`));
    await flooded.flush();
    const mine = (await open()).filter((entry) => entry['at'] === now);
    expect(mine.length).to.be.at.most(1001);
    expect(
      mine.reduce((sum, entry) => sum + Number(entry['count']), 0),
      'nothing is lost',
    ).to.equal(5000);
  });

  it('moves a finished minute into the stream, once, whoever does it', async () => {
    const one = trail();
    one.refusal(refusal('192.0.2.3'));
    await one.flush();
    now += 3 * 60_000;
    await Promise.all([one.flush(), trail().flush(), trail().flush()]);
    const rows = await store.newest(fleetKeys.auditTraffic, 1000);
    const mine = rows
      .map((row) => JSON.parse(row.text) as Record<string, unknown>)
      .filter((entry) => entry['address'] === '192.0.2.3');
    expect(mine).to.have.length(1);
    expect(mine[0]).to.include({ count: 1 });
    expect((await open()).some((entry) => entry['address'] === '192.0.2.3')).to.equal(false);
  });

  it('keeps what the store did not take, and writes it later', async () => {
    let down = true;
    const shaky = trail({
      fold: (...parameters: Parameters<AuditStore['fold']>) =>
        down ? Promise.reject(new Error('down')) : store.fold(...parameters),
    });
    shaky.refusal(refusal('192.0.2.4'));
    await shaky.flush();
    expect(errors).to.have.length(1);
    shaky.refusal(refusal('192.0.2.4'));
    down = false;
    await shaky.flush();
    expect((await open()).find((entry) => entry['address'] === '192.0.2.4')).to.include({ count: 2 });
  });
});
