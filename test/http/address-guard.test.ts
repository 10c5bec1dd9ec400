import { expect } from 'chai';

import { startTestApi, type TestApi } from './support/api.js';
import { DOOR } from './support/fakes.js';

const HERE = '127.0.0.1';
const AUTH: readonly [string, object][] = [
  ['/v1/auth/login', { email: 'a@site.example', website: 'https://site.example' }],
  ['/v1/auth/token', { loginId: 'login-1', code: '12345678' }],
  ['/v1/auth/refresh', { refreshToken: 'refresh-1' }],
];
const proof = (text: string) => ({ doorId: DOOR, publicKey: 'pem', proof: text });

describe('limits and blocks by address (protocol 8)', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api.stop());
  const post = (path: string, body: unknown, token?: string) =>
    api.call(path, { method: 'POST', body, ...(token !== undefined && { token }) });

  it('refuses what is above the limit before anything else', async () => {
    const tight = await startTestApi({ ratePerSecond: 2 });
    await tight.call('/healthz');
    await tight.call('/v1/doors', { token: 'good' });
    const { status, json, headers } = await tight.call('/v1/doors', { token: 'forged' });
    expect([status, json['code'], json['retryAfterMs'], headers['retry-after']]).to.deep.equal([
      429,
      'rate_limited',
      500,
      '1',
    ]);
    expect(tight.failures.recorded).to.deep.equal([]);
    expect(tight.metrics.seen).to.deep.include({ limit: 'address' });
    expect(tight.trail.refusals[0]).to.include({ kind: 'limit_hit', address: HERE });
    await tight.stop();
  });

  it('counts 10 s on end above the limit as one failure', async () => {
    const flooded = await startTestApi({
      gateParts: { addressLimiter: { take: () => ({ allowed: false, retryAfterMs: 10, sustained: true }) } },
    });
    await flooded.call('/healthz');
    expect(flooded.failures.recorded).to.deep.equal([HERE]);
    await flooded.stop();
  });

  it('counts wrong codes, proofs, refresh tokens and access tokens, not bad requests', async () => {
    await post('/v1/auth/token', { loginId: 'login-1', code: '00000000' });
    await post('/v1/auth/refresh', { refreshToken: 'wrong' });
    await post('/v1/devices/register', proof('bad'));
    await api.call('/v1/doors', { token: 'forged' });
    expect(api.failures.recorded).to.deep.equal([HERE, HERE, HERE, HERE]);
    await post('/v1/auth/token', { loginId: 'login-1', code: 'abc' });
    await post('/v1/devices/register', proof('good'));
    await api.call('/v1/doors', { token: 'expired' });
    expect(api.failures.recorded).to.have.length(4);
    expect(api.metrics.seen.filter((labels) => 'kind' in labels).map(({ kind }) => kind)).to.deep.equal([
      'token',
      'refresh',
      'register',
      'access_token',
    ]);
  });

  it('refuses a blocked address on the auth routes, whatever it sends, and says for how long', async () => {
    api.failures.blockedMs.set(HERE, 60_000);
    for (const [path, body] of AUTH) {
      const { status, json, headers } = await post(path, body);
      expect([status, json['code'], headers['retry-after']], path).to.deep.equal([403, 'ip_blocked', '60']);
    }
    expect(api.failures.recorded).to.deep.equal([]);
  });

  it('lets a good proof of a door pass from a blocked address, with the challenge it needs, and nothing else', async () => {
    api.failures.blockedMs.set(HERE, 60_000);
    expect((await post('/v1/devices/challenge', { doorId: DOOR })).status).to.equal(200);
    expect((await post('/v1/devices/register', proof('good'))).status).to.equal(200);
    expect((await post('/v1/devices/register', proof('bad'))).json['code']).to.equal('ip_blocked');
  });

  it('lets a site that shares a blocked address work, and end its session', async () => {
    api.failures.blockedMs.set(HERE, 60_000);
    expect((await api.call('/v1/doors', { token: 'good' })).status).to.equal(200);
    expect((await post('/v1/auth/revoke', undefined, 'good')).status).to.equal(204);
    expect((await post('/v1/auth/revoke', undefined, 'forged')).json['code']).to.equal('ip_blocked');
  });

  it('refuses where nobody can tell whether an address is blocked', async () => {
    api.failures.storeAway = true;
    for (const [path, body] of AUTH) {
      expect((await post(path, body)).json['code'], path).to.equal('store_unavailable');
    }
    // What is wrong stays wrong, counted or not.
    expect((await post('/v1/devices/register', proof('bad'))).json['code']).to.equal('unauthenticated');
    expect((await api.call('/v1/doors', { token: 'forged' })).json['code']).to.equal('unauthenticated');
  });

  it('counts by the address the trusted proxies saw', async () => {
    const behind = await startTestApi({ gateParts: { trustProxyHops: 1 } });
    await behind.call('/v1/doors', { token: 'forged', headers: { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' } });
    expect(behind.failures.recorded).to.deep.equal(['203.0.113.9']);
    await behind.stop();
  });
});
