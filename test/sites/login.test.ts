import { expect } from 'chai';

import type { LoginAnswer } from '../../src/protocol/api.js';
import { SITE_LIMITS } from '../../src/sites/site-limits.js';
import { asSite, context, Harness, otherCode, outcomeOf } from './support/harness.js';

describe('logging in (protocol 3.1, 3.2)', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await Harness.start();
  });
  afterEach(() => harness.stop());

  it('mails a code, proves the website and opens a session', async () => {
    const login = await harness.sites.login(
      { email: 'Owner@Shop.example', website: `${harness.website.origin}/` },
      context(),
    );
    expect(login.loginId).to.match(/^login_[A-Za-z0-9_-]{22}$/);
    expect(login.expiresInSeconds).to.equal(900);
    expect(login.website.origin).to.equal(harness.website.origin);
    expect(login.website.challenge.path).to.equal('/.well-known/openlock-challenge.txt');
    harness.website.token = login.website.challenge.token;
    const answer = await harness.sites.token({ loginId: login.loginId, code: await harness.code() }, context());
    expect(answer).to.include({ tokenType: 'Bearer', expiresInSeconds: 900, refreshExpiresInSeconds: 30 * 86_400 });
    expect(answer.site).to.include({ origin: harness.website.origin, email: 'owner@shop.example' });
    expect(answer.site.id).to.match(/^site_[A-Za-z0-9_-]{22}$/);
    const identity = asSite(harness.sites.authenticate(answer.accessToken));
    expect(identity).to.include({
      siteId: answer.site.id,
      origin: harness.website.origin,
      expiresAt: harness.clock.time + 900_000,
    });
    await harness.sites.admit(identity);
    expect((await harness.auditOf(answer.site.id)).map(({ kind }) => kind)).to.deep.equal(['token_issued']);
  });

  it('sends a mail that names the website, and holds the code once', async () => {
    await harness.login();
    const [mail = ''] = await harness.mails();
    expect(mail).to.match(/^To: owner@shop\.example$/m);
    expect(mail).to.match(new RegExp(`^Subject: Your OpenLock login code for ${harness.website.origin}$`, 'm'));
    expect(mail).to.match(new RegExp(`^ {4}${await harness.code()}$`, 'm'));
    expect(mail).to.contain('15 minutes').and.to.contain('You did not ask for this');
  });

  it('keeps neither code nor token in the store as they are', async () => {
    const { code } = await harness.login();
    const first = await harness.session('second@shop.example');
    const again = await harness.sites.refresh(first.refreshToken, context());
    const stored = await harness.dump();
    for (const secret of [code, first.refreshToken, again.refreshToken, first.accessToken, again.accessToken])
      expect(stored).not.to.contain(secret);
    const halves = first.refreshToken.split('.');
    expect(stored).not.to.contain(halves[4]);
  });

  it('answers alike whether or not the account exists', async () => {
    await harness.session('known@shop.example');
    const known = await harness.sites.login(
      { email: 'known@shop.example', website: harness.website.origin },
      context(),
    );
    const unknown = await harness.sites.login(
      { email: 'unknown@shop.example', website: harness.website.origin },
      context(),
    );
    const shape = ({ loginId, website, ...rest }: typeof known): object => ({
      ...rest,
      origin: website.origin,
      path: website.challenge.path,
      sizes: [loginId.length, website.challenge.token.length],
    });
    expect(shape(known)).to.deep.equal(shape(unknown));
  });

  it('mails the fourth login of an e-mail within 15 minutes no code, with the same answer', async () => {
    const answers = [];
    for (const email of ['a@shop.example', 'A@shop.example', 'a@shop.example', 'a@shop.example', 'b@shop.example']) {
      answers.push(await harness.sites.login({ email, website: harness.website.origin }, context()));
    }
    const mails = await harness.mails();
    expect(mails.filter((mail) => /^To: a@/m.test(mail))).to.have.length(3);
    expect(mails.filter((mail) => /^To: b@/m.test(mail))).to.have.length(1);
    expect(answers.map((answer) => Object.keys(answer).join())).to.deep.equal(
      Array(5).fill('loginId,expiresInSeconds,website'),
    );
    // The unmailed one is as alive as the others for whoever guesses.
    expect(await harness.sites.originOfLogin(answers[3]?.loginId ?? '')).to.equal(harness.website.origin);
  });

  it('lets a login flood of one address through to the mailbox three times only', async () => {
    await Promise.all(
      Array.from({ length: 60 }, () =>
        harness.sites.login({ email: 'victim@shop.example', website: harness.website.origin }, context()),
      ),
    );
    expect(await harness.mails()).to.have.length(3);
  });

  const loginFrom = async (address: string, email = 'owner@shop.example'): Promise<LoginAnswer> =>
    harness.sites.login({ email, website: harness.website.origin }, context({ address }));
  const mailsTo = async (email = 'owner@shop.example'): Promise<readonly string[]> =>
    (await harness.mails()).filter((mail) => mail.includes(`To: ${email}`));

  it('leaves the owner mails of their own when a stranger used up theirs, whatever addresses that one has there', async () => {
    for (const host of [1, 2, 3, 4, 5]) await loginFrom(`203.0.113.${host}`);
    for (const host of [1, 2, 3, 4]) await loginFrom(`2001:db8:77:${host}::1`);
    expect(await mailsTo()).to.have.length(6);
    const { login, code } = await harness.login();
    expect(await mailsTo()).to.have.length(7);
    harness.website.token = login.website.challenge.token;
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal('ok');
  });

  it('mails ten codes to one e-mail in all', async () => {
    for (let network = 0; network < 12; network += 1) await loginFrom(`198.51.${network}.1`);
    expect(await mailsTo()).to.have.length(10);
  });

  it('mails twenty codes for one address, and answers the rest alike', async () => {
    const answers: LoginAnswer[] = [];
    for (let index = 0; index < 24; index += 1)
      answers.push(await loginFrom('203.0.113.9', `owner-${index}@shop.example`));
    expect(await harness.mails()).to.have.length(20);
    expect(new Set(answers.map((answer) => Object.keys(answer).join())).size).to.equal(1);
    expect(answers.every(({ loginId }) => /^login_[A-Za-z0-9_-]{22}$/.test(loginId))).to.equal(true);
    await loginFrom('203.0.113.10', 'owner-99@shop.example');
    expect(await harness.mails(), 'another address').to.have.length(21);
  });

  it('gives a login that mailed nothing no code that would be right', async () => {
    const codes: string[] = [];
    // The code of a login is made by this alone; the fourth one is mailed to nobody.
    const known = await harness.relay({ random: { bytes: (length) => Buffer.alloc(length, 7 + codes.length) } });
    for (let count = 0; count < 4; count += 1) {
      const answer = await known.login({ email: 'owner@shop.example', website: harness.website.origin }, context());
      codes.push(answer.loginId);
      harness.website.token = answer.website.challenge.token;
    }
    const attempts = codes.map((loginId, index) => {
      const number = Buffer.alloc(4, 7 + index).readUInt32BE() % 100_000_000;
      return { loginId, code: String(number).padStart(8, '0') };
    });
    const outcomes: string[] = [];
    for (const attempt of attempts) outcomes.push(await outcomeOf(known.token(attempt, context())));
    expect(outcomes).to.deep.equal(['ok', 'ok', 'ok', 'unauthenticated']);
  });

  it('stops the logins of an e-mail after fifteen wrong codes, over all logins and addresses', async () => {
    const { login, code } = await harness.login();
    harness.website.token = login.website.challenge.token;
    let guesses = 0;
    for (const network of [1, 2, 3]) {
      const { loginId } = await loginFrom(`203.0.${network}.1`);
      for (let guess = 0; guess < 5; guess += 1) {
        guesses += 1;
        const attempt = { loginId, code: otherCode(code, guesses) };
        const outcome = await outcomeOf(harness.sites.token(attempt, context({ address: `203.0.${network}.1` })));
        expect(outcome).to.equal('unauthenticated');
      }
    }
    const mailed = (await mailsTo()).length;
    expect(
      await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context())),
      'the right code',
    ).to.equal('unauthenticated');
    const waiting = await loginFrom('192.0.2.200');
    expect(Object.keys(waiting)).to.deep.equal(Object.keys(login));
    expect(await mailsTo()).to.have.length(mailed);
    expect(await outcomeOf(harness.session('other@shop.example')), 'another e-mail').to.equal('ok');
  });

  it('refuses new logins while too many are under way, and while the store is nearly full', async () => {
    const small = await harness.relay({ limits: { pendingLogins: 2 } });
    for (const email of ['a@shop.example', 'b@shop.example'])
      await small.login({ email, website: harness.website.origin }, context());
    const third = { email: 'c@shop.example', website: harness.website.origin };
    expect(await outcomeOf(small.login(third, context()))).to.equal('rate_limited');
    let full = true;
    const filling = await harness.relay({ isStoreFull: () => full });
    expect(await outcomeOf(filling.login(third, context()))).to.equal('store_unavailable');
    full = false;
    expect(await outcomeOf(filling.login(third, context()))).to.equal('ok');
  });

  it('binds the challenge to e-mail and origin, the same at every login', async () => {
    const challengeOf = async (email: string, website: string): Promise<string> =>
      (await harness.sites.login({ email, website }, context())).website.challenge.token;
    const first = await challengeOf('a@shop.example', 'https://shop.example');
    expect(await challengeOf('A@SHOP.example', 'https://SHOP.example:443/')).to.equal(first);
    expect(await challengeOf('b@shop.example', 'https://shop.example')).not.to.equal(first);
    expect(await challengeOf('b@shop.example', 'http://shop.example')).not.to.equal(
      await challengeOf('b@shop.example', 'https://shop.example'),
    );
  });

  for (const website of [
    '',
    'shop.example',
    'ftp://shop.example',
    'https://user@shop.example',
    'https://shop.example/a',
    'https://shop.example?x',
    'https://shop.example#x',
    'https://',
    'https://a b',
    'https://x\\y',
    'https:/shop.example',
  ]) {
    it(`refuses the website ${JSON.stringify(website)}`, async () => {
      expect(await outcomeOf(harness.sites.login({ email: 'a@shop.example', website }, context()))).to.equal(
        'invalid_request',
      );
      expect(await harness.mails()).to.have.length(0);
    });
  }

  it('ends a login after five wrong codes', async () => {
    const { login, code } = await harness.login();
    harness.website.token = login.website.challenge.token;
    for (let step = 1; step <= 4; step += 1)
      expect(
        await outcomeOf(harness.sites.token({ loginId: login.loginId, code: otherCode(code, step) }, context())),
      ).to.equal('unauthenticated');
    expect(await harness.sites.originOfLogin(login.loginId)).to.be.a('string');
    expect(
      await outcomeOf(harness.sites.token({ loginId: login.loginId, code: otherCode(code, 5) }, context())),
    ).to.equal('unauthenticated');
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal(
      'unauthenticated',
    );
    expect(harness.website.fetches).to.equal(0);
  });

  it('counts parallel guesses one by one: five are compared, however many come at once', async () => {
    const { login, code } = await harness.login();
    const attempts = await Promise.all(
      Array.from({ length: 100 }, (_, step) => harness.store.tryCode(login.loginId, `guess ${step}`, SITE_LIMITS)),
    );
    expect(attempts.filter(({ outcome }) => outcome === 'wrong')).to.have.length(5);
    expect(attempts.filter(({ outcome }) => outcome === 'gone')).to.have.length(95);
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal(
      'unauthenticated',
    );
  });

  it('accepts a code once, also when it comes many times at once', async () => {
    const { login, code } = await harness.login();
    harness.website.token = login.website.challenge.token;
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))),
    );
    expect(outcomes.filter((outcome) => outcome === 'ok')).to.have.length(1);
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal(
      'unauthenticated',
    );
  });

  it('does not take the code of one login for another, nor an invented login', async () => {
    const one = await harness.login('one@shop.example');
    const two = await harness.login('two@shop.example');
    harness.website.token = two.login.website.challenge.token;
    if (one.code !== two.code)
      expect(await outcomeOf(harness.sites.token({ loginId: two.login.loginId, code: one.code }, context()))).to.equal(
        'unauthenticated',
      );
    for (const loginId of ['x', 'login_AAAAAAAAAAAAAAAAAAAAAA', '}:{site:operator}', two.login.loginId + '\n']) {
      expect(await outcomeOf(harness.sites.token({ loginId, code: two.code }, context()))).to.equal('unauthenticated');
    }
    expect(await outcomeOf(harness.sites.token({ loginId: two.login.loginId, code: two.code }, context()))).to.equal(
      'ok',
    );
  });

  it('ends a login when its time is up', async () => {
    const short = await harness.relay({ limits: { loginSeconds: 0.05 } });
    const { login, code } = await harness.login('owner@shop.example', short);
    harness.website.token = login.website.challenge.token;
    while ((await short.originOfLogin(login.loginId)) !== undefined)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await outcomeOf(short.token({ loginId: login.loginId, code }, context()))).to.equal('unauthenticated');
  });

  it('keeps a login alive while its website does not answer rightly, for five fetches', async () => {
    const { login, code } = await harness.login();
    const attempt = (): Promise<string> => outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()));
    expect(await attempt()).to.equal('website_unverified');
    harness.website.token = 'another token';
    for (let count = 2; count <= 5; count += 1) expect(await attempt()).to.equal('website_unverified');
    harness.website.token = login.website.challenge.token;
    expect(await attempt()).to.equal('website_unverified');
    expect(harness.website.fetches).to.equal(5);
  });

  it('never fetches more than five times, however many ask at once', async () => {
    const { login, code } = await harness.login();
    await Promise.all(
      Array.from({ length: 30 }, () => outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))),
    );
    expect(harness.website.fetches).to.equal(5);
  });

  it('lets the login go on when the website is repaired', async () => {
    const { login, code } = await harness.login();
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal(
      'website_unverified',
    );
    harness.website.token = login.website.challenge.token;
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal('ok');
  });

  it('remembers a verified website for 90 days, and the site for good', async () => {
    const first = await harness.session();
    expect(harness.website.fetches).to.equal(1);
    harness.clock.time += 89 * 86_400_000;
    const second = await harness.session();
    expect(harness.website.fetches).to.equal(1);
    harness.clock.time += 2 * 86_400_000;
    const third = await harness.session();
    expect(harness.website.fetches).to.equal(2);
    expect([second.site.id, third.site.id]).to.deep.equal([first.site.id, first.site.id]);
  });

  it('gives another e-mail that proves the same origin a site of its own', async () => {
    const first = await harness.session('one@shop.example');
    const second = await harness.session('two@shop.example');
    expect(second.site.id).not.to.equal(first.site.id);
    expect((await harness.sites.find(harness.website.origin)).map(({ siteId }) => siteId)).to.have.members([
      first.site.id,
      second.site.id,
    ]);
  });

  it('makes one site of two first logins at once', async () => {
    const [one, two] = [await harness.login(), await harness.login()];
    harness.website.token = one.login.website.challenge.token;
    const answers = await Promise.all(
      [one, two].map(({ login, code }) => harness.sites.token({ loginId: login.loginId, code }, context())),
    );
    expect(answers[0]?.site.id).to.equal(answers[1]?.site.id);
    expect(await harness.sites.list()).to.have.length(1);
  });

  it('refuses a page of another website (protocol 3.6)', async () => {
    const website = harness.website.origin;
    const foreign = context({ origin: 'https://evil.example' });
    const nobody = context({ origin: 'null' });
    expect(await outcomeOf(harness.sites.login({ email: 'a@shop.example', website }, foreign))).to.equal(
      'forbidden_origin',
    );
    expect(await outcomeOf(harness.sites.login({ email: 'a@shop.example', website }, nobody))).to.equal(
      'forbidden_origin',
    );
    const { login, code } = await harness.login();
    harness.website.token = login.website.challenge.token;
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, foreign))).to.equal(
      'forbidden_origin',
    );
    expect(
      await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context({ origin: website }))),
    ).to.equal('ok');
  });

  it('says which origin a running login is for', async () => {
    const { login } = await harness.login();
    expect(await harness.sites.originOfLogin(login.loginId)).to.equal(harness.website.origin);
    expect(await harness.sites.originOfLogin('login_AAAAAAAAAAAAAAAAAAAAAA')).to.equal(undefined);
    expect(await harness.sites.originOfLogin('} anything')).to.equal(undefined);
  });

  it('refuses while the store is away', async () => {
    const { login, code } = await harness.login();
    harness.redis.process.kill('SIGKILL');
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal(
      'store_unavailable',
    );
    expect(
      await outcomeOf(harness.sites.login({ email: 'a@shop.example', website: harness.website.origin }, context())),
    ).to.equal('store_unavailable');
  });
});
