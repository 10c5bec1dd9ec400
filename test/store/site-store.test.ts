import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { FailureLimits } from '../../src/store/failure-limits.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { SiteStore, type RefreshFields } from '../../src/store/site-store.js';
import { startTestCluster } from '../support/redis-cluster.js';
import { startTestRedis } from '../support/redis.js';

const LOGIN = { email: 'a@shop.example', origin: 'https://shop.example', codeHash: 'right', lifeMs: 10_000 };
const ENTRY = '{"kind":"test"}';

const places: Readonly<Record<string, () => Promise<{ readonly url: string; stop(): Promise<void> }>>> = {
  'one Redis': () => startTestRedis(),
  'a Redis Cluster': () => startTestCluster(),
};

for (const [place, startPlace] of Object.entries(places)) {
  describe(`sites in ${place}`, () => {
    let server: Awaited<ReturnType<typeof startPlace>>;
    let link: RedisLink;
    let store: SiteStore;
    let siteId = '';
    let next = 0;

    before(async () => {
      server = await startPlace();
      link = await RedisLink.open({ url: server.url, clientName: 'site-store-test', commandTimeoutMs: 2000 });
      store = new SiteStore(link);
    });
    beforeEach(() => {
      siteId = `site_${(next += 1)}`;
    });
    after(async () => {
      await link.close();
      await server.stop();
    });

    const openSession = (sessionId: string): Promise<'ok' | 'blocked'> =>
      store.openSession({
        siteId,
        sessionId,
        email: LOGIN.email,
        origin: LOGIN.origin,
        verifiedAt: 5,
        refreshHash: 'first',
        lifeMs: 10_000,
        auditEntry: ENTRY,
      });
    const refresh = (fields: Partial<RefreshFields>): ReturnType<SiteStore['refresh']> =>
      store.refresh({
        siteId,
        sessionId: 's1',
        presentedHash: 'first',
        successorHash: 'second',
        sealedAnswer: 'sealed',
        lifeMs: 10_000,
        sealedMs: 10_000,
        refreshedEntry: ENTRY,
        reusedEntry: ENTRY,
        ...fields,
      });
    const admit = (sessionId = 's1'): Promise<number> => store.admit(siteId, sessionId, 1, 20, 10);

    it('allow so many mails in a window', async () => {
      const answers = [];
      for (let count = 0; count < 4; count += 1) answers.push(await store.allowMail(siteId, 3, 60_000));
      expect(answers).to.deep.equal([true, true, true, false]);
      expect(await store.allowMail(siteId, 3, 0)).to.equal(true);
    });

    it('compare codes until the login ends', async () => {
      await store.startLogin(siteId, LOGIN);
      expect(await store.tryCode(siteId, 'right', 2)).to.deep.equal({
        outcome: 'ok',
        email: LOGIN.email,
        origin: LOGIN.origin,
      });
      expect(await store.tryCode(siteId, 'wrong', 2)).to.deep.equal({ outcome: 'wrong' });
      expect(await store.tryCode(siteId, 'wrong', 2)).to.deep.equal({ outcome: 'wrong' });
      expect(await store.tryCode(siteId, 'right', 2)).to.deep.equal({ outcome: 'gone' });
      expect(await store.takeFetch(siteId, 5)).to.equal(false);
      expect(await store.endLogin(siteId)).to.equal(false);
    });

    it('have one id for an identity, however many claim it', async () => {
      const claims = await Promise.all(
        Array.from({ length: 10 }, (_, index) => store.claimIdentity(siteId, `candidate ${index}`)),
      );
      expect(new Set(claims)).to.have.lengthOf(1);
      expect(await store.siteOfIdentity(siteId)).to.equal(claims[0]);
    });

    it('rotate, and end a session for good when an old token comes', async () => {
      await openSession('s1');
      expect(await refresh({})).to.deep.equal({ outcome: 'rotated' });
      expect(await refresh({ sealedAnswer: 'other' })).to.deep.equal({ outcome: 'again', sealedAnswer: 'sealed' });
      expect(await refresh({ presentedHash: 'second', successorHash: 'third' })).to.deep.equal({ outcome: 'rotated' });
      expect(await refresh({})).to.deep.equal({ outcome: 'reused' });
      expect(await refresh({ presentedHash: 'third' })).to.deep.equal({ outcome: 'gone' });
      expect(await admit()).to.equal(-1);
    });

    it('end with their sessions when blocked', async () => {
      expect(await store.block(siteId, ENTRY)).to.equal(false);
      await openSession('s1');
      await openSession('s2');
      await refresh({});
      await store.index(siteId, `${LOGIN.origin}:${next}`);
      expect([await admit('s1'), await admit('s2'), await admit('s3')]).to.deep.equal([0, 0, -1]);
      expect(await store.block(siteId, ENTRY)).to.equal(true);
      expect([
        await admit('s1'),
        await openSession('s4'),
        (await refresh({ presentedHash: 'second' })).outcome,
      ]).to.deep.equal([-2, 'blocked', 'blocked']);
      expect(await store.unblock(siteId, ENTRY)).to.equal(true);
      expect([await admit('s1'), await admit('s2')]).to.deep.equal([-1, -1]);
      expect(await store.endSession(siteId, 's1', ENTRY)).to.equal(false);
      expect(await openSession('s5')).to.equal('ok');
      expect(await store.endSession(siteId, 's5', ENTRY)).to.equal(true);
      const [site] = await store.sitesOfOrigin(`${LOGIN.origin}:${next}`);
      expect(site).to.include({ siteId, email: LOGIN.email, origin: LOGIN.origin, verifiedAt: 5, blocked: false });
      expect((await store.all()).map((record) => record.siteId)).to.include(siteId);
    });

    it('have failures counted', async () => {
      const limits = new FailureLimits(link, { clock: systemClock, points: 3 });
      for (let count = 0; count < 3; count += 1) await limits.record(`192.0.2.${next}`);
      expect(await limits.isBlocked(`192.0.2.${next}`)).to.be.greaterThan(800_000);
    });
  });
}
