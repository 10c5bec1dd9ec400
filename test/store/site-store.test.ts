import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { FailureLimits } from '../../src/store/failure-limits.js';
import { fleetKeys } from '../../src/store/keys.js';
import { RedisLink } from '../../src/store/redis-link.js';
import {
  SiteStore,
  type LoginNumbers,
  type LoginOutcome,
  type RefreshFields,
  type StartLoginFields,
} from '../../src/store/site-store.js';
import { startTestCluster } from '../support/redis-cluster.js';
import { startTestRedis } from '../support/redis.js';

const LOGIN = { email: 'a@shop.example', origin: 'https://shop.example', codeHash: 'right' };
const NUMBERS: LoginNumbers = {
  loginSeconds: 10,
  loginWindowMs: 60_000,
  mailsOfNetwork: 3,
  mailsOfEmail: 5,
  loginsOfAddress: 8,
  pendingOfAddress: 10,
  loginsOfNetwork: 100,
  pendingLogins: 10_000,
  wrongCodes: 2,
  wrongCodesOfEmail: 3,
};
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
      link = await RedisLink.open({
        clock: systemClock,
        url: server.url,
        clientName: 'site-store-test',
        commandTimeoutMs: 2000,
      });
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

    let logins = 0;
    /** Starts a login; what does not say otherwise is this test's own. */
    const login = async (
      over: Partial<StartLoginFields> = {},
      numbers: Partial<LoginNumbers> = {},
    ): Promise<{ readonly loginId: string; readonly outcome: LoginOutcome }> => {
      const loginId = `login-${siteId}-${(logins += 1)}`;
      const fields = { ...LOGIN, emailHash: siteId, networkHash: siteId, address: siteId, network: siteId, ...over };
      return { loginId, outcome: await store.startLogin(loginId, fields, { ...NUMBERS, ...numbers }) };
    };
    const outcomes = async (count: number, over: Partial<StartLoginFields> = {}): Promise<readonly LoginOutcome[]> => {
      const all: LoginOutcome[] = [];
      for (let made = 0; made < count; made += 1) all.push((await login(over)).outcome);
      return all;
    };

    it('allow so many mails in a window, to a network, and more to the whole e-mail', async () => {
      expect(await outcomes(4)).to.deep.equal(['mailed', 'mailed', 'mailed', 'mail_limit']);
      const elsewhere = { networkHash: `${siteId}-2`, address: `${siteId}-2` };
      expect(await outcomes(3, elsewhere), 'the owner has another network').to.deep.equal([
        'mailed',
        'mailed',
        'mail_limit',
      ]);
      expect((await login({}, { loginWindowMs: 0 })).outcome, 'the window is over').to.equal('mailed');
    });

    it('have no right code where none was mailed', async () => {
      await outcomes(3);
      const unmailed = await login();
      expect(unmailed.outcome).to.equal('mail_limit');
      expect(await store.originOfLogin(unmailed.loginId)).to.equal(LOGIN.origin);
      for (const code of ['right', ''])
        expect(await store.tryCode(unmailed.loginId, code, NUMBERS)).to.deep.equal({ outcome: 'wrong' });
    });

    it('are mailed so often for one address, remembered a little longer, and then not at all', async () => {
      const all: LoginOutcome[] = [];
      for (let made = 0; made < 12; made += 1)
        all.push((await login({ emailHash: `${siteId}-${made}`, networkHash: `${siteId}-${made}` })).outcome);
      expect(all).to.deep.equal([
        ...Array<LoginOutcome>(8).fill('mailed'),
        'address_limit',
        'address_limit',
        'pending_limit',
        'pending_limit',
      ]);
      const forgotten = await login();
      expect(await store.originOfLogin(forgotten.loginId)).to.equal(undefined);
    });

    it('of one network are mailed so often, whatever addresses it has', async () => {
      const all: LoginOutcome[] = [];
      for (let made = 0; made < 4; made += 1) {
        const own = `${siteId}-${made}`;
        const over = { emailHash: own, networkHash: own, address: own };
        all.push((await login(over, { loginsOfNetwork: 3 })).outcome);
      }
      expect(all).to.deep.equal(['mailed', 'mailed', 'mailed', 'network_limit']);
    });

    it('that mail nothing take half of the room', async () => {
      const before = Number(await link.run((client) => client.zcard(fleetKeys.pendingLogins)));
      const unmailed = { mailsOfEmail: 1, pendingLogins: before * 2 + 4 };
      const all: LoginOutcome[] = [];
      for (let made = 0; made < 4; made += 1) all.push((await login({}, unmailed)).outcome);
      expect(all).to.deep.equal(['mailed', 'mail_limit', 'pending_limit', 'pending_limit']);
      const other = { emailHash: `${siteId}-other`, networkHash: `${siteId}-other` };
      expect((await login(other, unmailed)).outcome, 'one that is mailed').to.equal('mailed');
    });

    it('are bounded in all, and make room as they end', async () => {
      const before = Number(await link.run((client) => client.zcard(fleetKeys.pendingLogins)));
      const one = await login();
      expect((await login({}, { pendingLogins: before + 1 })).outcome).to.equal('full');
      expect(await store.endLogin(one.loginId)).to.equal(true);
      const short = await login({}, { pendingLogins: before + 1, loginSeconds: 0.02 });
      expect(short.outcome).to.equal('mailed');
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect((await login({}, { pendingLogins: before + 1 })).outcome, 'its time is up').to.equal('mailed');
    });

    it('compare codes until the login ends', async () => {
      const { loginId } = await login();
      expect(await store.tryCode(loginId, 'right', NUMBERS)).to.deep.equal({
        outcome: 'ok',
        email: LOGIN.email,
        origin: LOGIN.origin,
      });
      expect(await store.tryCode(loginId, 'wrong', NUMBERS)).to.deep.equal({ outcome: 'wrong' });
      expect(await store.tryCode(loginId, 'wrong', NUMBERS)).to.deep.equal({ outcome: 'wrong' });
      expect(await store.tryCode(loginId, 'right', NUMBERS)).to.deep.equal({ outcome: 'gone' });
      expect(await store.takeFetch(loginId, 5)).to.equal(false);
      expect(await store.endLogin(loginId)).to.equal(false);
    });

    it('wait after too many wrong codes for one e-mail, over all its logins: no mail, and no right code', async () => {
      const [one, two] = [await login(), await login({ networkHash: `${siteId}-2`, address: `${siteId}-2` })];
      await store.tryCode(one.loginId, 'wrong', NUMBERS);
      await store.tryCode(one.loginId, 'wrong', NUMBERS);
      expect((await store.tryCode(two.loginId, 'right', NUMBERS)).outcome).to.equal('ok');
      await store.tryCode(two.loginId, 'wrong', NUMBERS);
      expect(await store.tryCode(two.loginId, 'right', NUMBERS)).to.deep.equal({ outcome: 'waits' });
      expect((await login()).outcome).to.equal('wrong_codes');
      expect((await login({ emailHash: `${siteId}-other` })).outcome, 'another e-mail').to.equal('mailed');
      expect(await link.run((client) => client.pttl(fleetKeys.wrongCodes(siteId)))).to.be.within(55_000, 60_000);
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
