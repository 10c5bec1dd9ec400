import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import type { SitePrincipal } from '../../src/principal.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { siteKeys } from '../../src/store/keys.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { asSite, context, Harness, outcomeOf } from './support/harness.js';

describe('admission of a site (protocol 8.1)', () => {
  let harness: Harness;
  let identity: SitePrincipal;

  async function start(options: Parameters<typeof Harness.start>[0] = {}): Promise<void> {
    harness = await Harness.start(options);
    identity = asSite(harness.sites.authenticate((await harness.session()).accessToken));
  }
  afterEach(() => harness.stop());

  it('holds twenty requests and refills ten a second, over all relays', async () => {
    await start();
    const relays = [harness.sites, await harness.relay()];
    const startedAt = performance.now();
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) => outcomeOf((relays[index % 2] ?? harness.sites).admit(identity))),
    );
    const admitted = outcomes.filter((outcome) => outcome === 'ok').length;
    const refilled = Math.ceil((performance.now() - startedAt) / 100);
    expect(admitted).to.be.within(20, 20 + refilled);
    expect(outcomes.filter((outcome) => outcome === 'rate_limited')).to.have.length(100 - admitted);
  });

  it('says after how long there would be a token', async () => {
    await start({ siteRate: 1 });
    await harness.sites.admit(identity, 2);
    const error = await harness.sites.admit(identity).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(OpenLockError);
    expect((error as OpenLockError).extras.retryAfterMs).to.be.within(500, 1000);
  });

  it('admits again once that time has passed', async () => {
    await start({ siteRate: 50 });
    await harness.sites.admit(identity, 100);
    const error = (await harness.sites.admit(identity).catch((thrown: unknown) => thrown)) as OpenLockError;
    // A timer may fire a millisecond early, and Redis has a clock of its own.
    await new Promise((resolve) => setTimeout(resolve, (error.extras.retryAfterMs ?? 0) + 5));
    expect(await outcomeOf(harness.sites.admit(identity))).to.equal('ok');
  });

  it('gives each site a bucket of its own', async () => {
    await start({ siteRate: 1 });
    const other = asSite(harness.sites.authenticate((await harness.session('other@shop.example')).accessToken));
    await harness.sites.admit(identity, 2);
    expect(await outcomeOf(harness.sites.admit(identity))).to.equal('rate_limited');
    expect(await outcomeOf(harness.sites.admit(other))).to.equal('ok');
  });

  it('takes nothing for a look at the session, and looks even when the bucket is empty', async () => {
    await start({ siteRate: 1 });
    await harness.sites.admit(identity, 2);
    expect(await outcomeOf(harness.sites.admit(identity, 0))).to.equal('ok');
    await harness.sites.revoke(identity, context());
    expect(await outcomeOf(harness.sites.admit(identity, 0))).to.equal('token_revoked');
  });

  it('takes nothing for a refusal', async () => {
    await start({ siteRate: 10 });
    await harness.sites.admit(identity, 15);
    for (let count = 0; count < 20; count += 1) await outcomeOf(harness.sites.admit(identity, 20));
    expect(await outcomeOf(harness.sites.admit(identity, 5))).to.equal('ok');
  });

  it('refuses an identity of no session, and while the store is away', async () => {
    await start();
    expect(await outcomeOf(harness.sites.admit({ ...identity, sessionId: 'sess_unknown' }))).to.equal('token_revoked');
    expect(await outcomeOf(harness.sites.admit({ ...identity, siteId: 'site_unknown' }))).to.equal('token_revoked');
    await harness.redis.kill();
    expect(await outcomeOf(harness.sites.admit(identity))).to.equal('store_unavailable');
  });

  it('writes nothing to the append-only file, so that no request waits for the disk', async () => {
    await start({ redisArguments: ['--appendonly', 'yes', '--appendfsync', 'always'], siteRate: 1000 });
    const admin = await RedisLink.open({
      clock: systemClock,
      url: harness.redis.adminUrl,
      clientName: 'test-admin',
      commandTimeoutMs: 2000,
    });
    const size = async (): Promise<number> =>
      Number(/aof_current_size:(\d+)/.exec(await admin.run((client) => client.info('persistence')))?.[1]);
    try {
      await harness.sites.admit(identity);
      const before = await size();
      for (let count = 0; count < 50; count += 1) await harness.sites.admit(identity);
      expect(await size()).to.equal(before);
      expect(Number(await admin.run((client) => client.get(siteKeys(identity.siteId).bucket)))).to.be.greaterThan(0);
      await harness.sites.revoke(identity, context());
      expect(await size()).to.be.greaterThan(before);
    } finally {
      await admin.close();
    }
  });
});
