import { expect } from 'chai';

import { OpenLockError } from '../../src/protocol/problem.js';
import { startTestApi, type Reply, type TestApi } from './support/api.js';
import { DOOR, ORIGIN, OTHER_ORIGIN } from './support/fakes.js';

const STRANGER = 'https://stranger.example';
const COMMANDS = `/v1/doors/${DOOR}/commands`;

const allowHeaders = (reply: Reply) => Object.keys(reply.headers).filter((name) => name.startsWith('access-control-'));
const allowed = (reply: Reply) => reply.headers['access-control-allow-origin'];

describe('browsers of other origins (protocol 3.6)', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api.stop());

  const login = (origin: string, website: unknown = ORIGIN) =>
    api.call('/v1/auth/login', { method: 'POST', body: { email: 'a@site.example', website }, headers: { origin } });
  const token = (origin: string, loginId = 'login-1', code = '12345678') =>
    api.call('/v1/auth/token', { method: 'POST', body: { loginId, code }, headers: { origin } });
  const preflight = (path: string, origin: string, method = 'POST') =>
    api.call(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    });

  function expectReadable(reply: Reply, origin: string): void {
    expect(reply.headers).to.include({
      'access-control-allow-origin': origin,
      vary: 'Origin',
      'access-control-expose-headers': 'Retry-After,X-Request-Id',
    });
    expect(reply.headers).to.not.have.property('access-control-allow-credentials');
  }

  it('lets the site of the token read its answers, echoing exactly its origin', async () => {
    const reply = await api.call('/v1/doors', { token: 'good', headers: { origin: ORIGIN } });
    expect(reply.status).to.equal(200);
    expectReadable(reply, ORIGIN);
  });

  it('refuses a token from another origin, in a way a known origin can read', async () => {
    const known = await api.call('/v1/doors', { token: 'good', headers: { origin: OTHER_ORIGIN } });
    expect([known.status, known.json['code']]).to.deep.equal([403, 'forbidden_origin']);
    expectReadable(known, OTHER_ORIGIN);
    for (const origin of [
      STRANGER,
      'null',
      '',
      'http://site.example',
      `${ORIGIN}/`,
      'HTTPS://SITE.EXAMPLE',
      `${ORIGIN}, ${ORIGIN}`,
      `${ORIGIN}:443`,
      'https://site.example.',
    ]) {
      const reply = await api.call('/v1/doors', { token: 'good', headers: { origin } });
      expect([reply.json['code'], allowHeaders(reply)], origin).to.deep.equal(['forbidden_origin', []]);
    }
    expect(api.sites.admitted).to.deep.equal([]);
  });

  it('lets a known origin read errors of every kind', async () => {
    const headers = { origin: ORIGIN };
    const post = { method: 'POST', token: 'good', headers };
    const replies: Reply[] = [
      await api.call('/v1/doors', { headers }),
      await api.call('/v1/doors', { token: 'expired', headers }),
      await api.call('/nothing', { headers }),
      await api.call('/v1/doors', { method: 'PUT', headers }),
      await api.call(COMMANDS, { ...post, body: 'x'.repeat(17_000) }),
      await api.call(COMMANDS, { ...post, body: '{}', headers: { ...headers, 'content-type': 'text/plain' } }),
      await api.call(COMMANDS, { ...post, body: '{"jwe":' }),
      await api.call('/v1/doors/%zz', { headers }),
    ];
    api.sites.refuseAdmission = new OpenLockError('rate_limited', 'Too many.', { retryAfterMs: 10 });
    replies.push(await api.call('/v1/doors', { token: 'good', headers }));
    expect(replies.map(({ status }) => status)).to.deep.equal([401, 401, 404, 405, 413, 415, 400, 400, 429]);
    for (const reply of replies) expectReadable(reply, ORIGIN);
  });

  it('does not let a blocked or unverified site read anything', async () => {
    api.sites.knownOrigins.delete(ORIGIN);
    expect(allowHeaders(await api.call('/v1/doors', { token: 'good', headers: { origin: ORIGIN } }))).to.deep.equal([]);
    expect(allowHeaders(await preflight('/v1/doors', ORIGIN, 'GET'))).to.deep.equal([]);
  });

  it('answers a preflight of a known origin, and refuses others with an empty 204', async () => {
    const good = await preflight(COMMANDS, ORIGIN);
    expect(good.status).to.equal(204);
    expect(good.headers).to.include({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization,Content-Type',
      'access-control-max-age': '600',
    });
    for (const origin of [STRANGER, 'null', '*']) {
      const reply = await preflight(COMMANDS, origin);
      expect([reply.status, reply.text, allowHeaders(reply), reply.headers.vary], origin).to.deep.equal([
        204,
        '',
        [],
        'Origin',
      ]);
    }
  });

  it('answers preflights of login and token for any https origin, and for http ones only where private sites are allowed', async () => {
    for (const path of ['/v1/auth/login', '/v1/auth/token']) {
      expect(allowed(await preflight(path, STRANGER))).to.equal(STRANGER);
      for (const origin of [
        'http://stranger.example',
        'null',
        'https://a/b',
        'chrome-extension://abc',
        'https://UPPER.example',
      ]) {
        expect(allowHeaders(await preflight(path, origin)), origin).to.deep.equal([]);
      }
    }
    expect(allowHeaders(await preflight('/v1/auth/refresh', STRANGER))).to.deep.equal([]);
    const lax = await startTestApi({ allowPrivateSites: true });
    const reply = await lax.call('/v1/auth/login', {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' },
    });
    expect(allowed(reply)).to.equal('http://localhost:3000');
    await lax.stop();
  });

  it('lets a website log in for itself, however it spells itself, and for nobody else', async () => {
    for (const website of [ORIGIN, `${ORIGIN}/`, 'HTTPS://Site.Example:443', 'https://site.example.']) {
      const reply = await login(ORIGIN, website);
      expect(reply.status, website).to.equal(202);
      expectReadable(reply, ORIGIN);
    }
    for (const origin of [STRANGER, OTHER_ORIGIN, 'null']) {
      const reply = await login(origin);
      expect([reply.json['code'], allowHeaders(reply)], origin).to.deep.equal(['forbidden_origin', []]);
    }
  });

  it('lets a website that is not known yet read what is wrong with its login', async () => {
    const reply = await api.call('/v1/auth/login', {
      method: 'POST',
      body: { email: 'nobody', website: STRANGER },
      headers: { origin: STRANGER },
    });
    expect(reply.json['code']).to.equal('invalid_request');
    expectReadable(reply, STRANGER);
  });

  it('answers a login for no website at all to known origins alone', async () => {
    expect(allowed(await login(ORIGIN, 'ftp://site.example'))).to.equal(ORIGIN);
    expect(allowHeaders(await login(STRANGER, 7))).to.deep.equal([]);
  });

  it('lets the origin of a login exchange its code, and read that it was wrong', async () => {
    api.sites.logins.set('login-2', STRANGER);
    expectReadable(await token(STRANGER, 'login-2'), STRANGER);
    const wrong = await token(STRANGER, 'login-2', '00000000');
    expect(wrong.status).to.equal(401);
    expectReadable(wrong, STRANGER);
    const foreign = await token(ORIGIN, 'login-2');
    expect([foreign.json['code'], allowHeaders(foreign)]).to.deep.equal(['forbidden_origin', []]);
    expect(allowHeaders(await token('null', 'login-2'))).to.deep.equal([]);
    const noSuchLogin = await token(STRANGER, 'login-3', '00000000');
    expect([noSuchLogin.json['code'], allowHeaders(noSuchLogin)]).to.deep.equal(['unauthenticated', []]);
  });

  it('refuses any Origin on device routes, and their preflights', async () => {
    const reply = await api.call('/v1/devices/challenge', {
      method: 'POST',
      body: { doorId: DOOR },
      headers: { origin: ORIGIN },
    });
    expect([reply.status, reply.json['code'], allowHeaders(reply)]).to.deep.equal([403, 'forbidden_origin', []]);
    for (const origin of ['null', '']) {
      expect(
        (await api.call('/v1/devices/register', { method: 'POST', body: {}, headers: { origin } })).json['code'],
      ).to.equal('forbidden_origin');
      expect((await api.call('/v1/devices/socket', { headers: { origin } })).json['code']).to.equal('forbidden_origin');
    }
    const refused = await preflight('/v1/devices/challenge', ORIGIN);
    expect([refused.status, allowHeaders(refused)]).to.deep.equal([204, []]);
  });

  it('shows the address limit to an origin that was just known, without asking the store for it', async () => {
    const tight = await startTestApi({ ratePerSecond: 2 });
    const ask = (origin: string) => tight.call('/v1/doors', { token: 'good', headers: { origin } });
    await ask(ORIGIN);
    await ask(ORIGIN);
    const calls = tight.sites.isKnownCalls;
    const limited = await ask(ORIGIN);
    expect(limited.status).to.equal(429);
    expectReadable(limited, ORIGIN);
    expect(allowHeaders(await ask(STRANGER))).to.deep.equal([]);
    expect(tight.sites.isKnownCalls).to.equal(calls);
    await tight.stop();
  });

  it('lets a site read that the store is away, if it was known before', async () => {
    await api.call('/v1/doors', { token: 'good', headers: { origin: ORIGIN } });
    api.sites.storeAway = true;
    api.sites.refuseAdmission = new OpenLockError('store_unavailable', 'away', { retryAfterMs: 1000 });
    const reply = await api.call('/v1/doors', { token: 'good', headers: { origin: ORIGIN } });
    expect(reply.status).to.equal(503);
    expectReadable(reply, ORIGIN);
    const other = await api.call('/v1/doors', { headers: { origin: OTHER_ORIGIN } });
    expect(allowHeaders(other)).to.deep.equal([]);
  });
});
