import { expect } from 'chai';

import {
  MemoryTokenStorage,
  OpenLock,
  OpenLockError,
  UnreachableError,
  WebTokenStorage,
  type TokenSet,
} from '../../src/client/index.js';
import { failure } from './support/errors.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { FakeDoor } from './support/fake-door.js';
import { FakeRelay, problem } from './support/fake-relay.js';

describe('the session', () => {
  let relay: FakeRelay;

  beforeEach(async () => {
    relay = await FakeRelay.start(new FakeDoor());
  });
  afterEach(() => relay.stop());

  const refreshes = (): number => relay.paths().filter((path) => path === 'POST /v1/auth/refresh').length;

  it('logs in, keeps the tokens and uses them', async () => {
    const storage = new MemoryTokenStorage();
    const openLock = new OpenLock({ url: relay.url, storage });
    const login = await openLock.login({ email: 'owner@shop.example', website: 'https://shop.example' });
    expect(login).to.deep.include({ loginId: 'login-1', expiresInSeconds: 600 });
    expect(login.website.challenge).to.deep.equal({ path: '/.well-known/openlock-challenge.txt', token: 't' });
    expect(await openLock.token({ loginId: login.loginId, code: '12345678' })).to.deep.include({
      id: 'site-1',
      origin: 'https://shop.example',
    });
    expect(await openLock.doors()).to.have.lengthOf(1);
    expect(relay.requests.at(-1)?.authorization).to.equal('Bearer access-1');
    expect(storage.load()?.refreshToken).to.equal('refresh-1');
    expect((await openLock.site())?.id).to.equal('site-1');
  });

  it('sends exactly the members of the protocol', async () => {
    const openLock = new OpenLock({ url: relay.url });
    await openLock.login({ email: 'a@b.example', website: 'https://b.example' });
    await openLock.token({ loginId: 'l', code: '00000000' });
    expect(relay.requests.map(({ body }) => body)).to.deep.equal([
      { email: 'a@b.example', website: 'https://b.example' },
      { loginId: 'l', code: '00000000' },
    ]);
  });

  it('says so when nobody is signed in', async () => {
    const error = await failure(new OpenLock({ url: relay.url }).doors(), OpenLockError);
    expect(error.code).to.equal('unauthenticated');
    expect(relay.requests).to.have.lengthOf(0);
  });

  it('renews before the token ends, once for all who wait', async () => {
    const clock = new FakeClock();
    const openLock = new OpenLock({ url: relay.url, clock });
    await openLock.token({ loginId: 'l', code: '00000000' });
    await openLock.doors();
    expect(refreshes()).to.equal(0);
    await clock.advance(840_000);
    await Promise.all([openLock.doors(), openLock.doors(), openLock.doors()]);
    expect(refreshes()).to.equal(1);
    expect(relay.requests.at(-1)?.authorization).to.equal('Bearer access-2');
  });

  it('renews and asks once more when the relay finds the token expired first', async () => {
    const openLock = new OpenLock({ url: relay.url, tokens: { accessToken: 'access-0', refreshToken: 'refresh-1' } });
    expect(await openLock.doors()).to.have.lengthOf(1);
    expect(relay.paths()).to.deep.equal(['GET /v1/doors', 'POST /v1/auth/refresh', 'GET /v1/doors']);
  });

  it('does not go round in circles when the new token is refused as well', async () => {
    relay.override = ({ path }) => (path === '/v1/doors' ? problem('token_expired') : undefined);
    const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
    expect((await failure(openLock.doors(), OpenLockError)).code).to.equal('token_expired');
    expect(relay.paths()).to.deep.equal(['GET /v1/doors', 'POST /v1/auth/refresh', 'GET /v1/doors']);
  });

  it('asks again with the same refresh token when the answer is lost', async () => {
    let lost = 2;
    relay.override = ({ path }) => (path === '/v1/auth/refresh' && (lost -= 1) >= 0 ? 'cut' : undefined);
    const openLock = new OpenLock({ url: relay.url, tokens: { accessToken: 'access-0', refreshToken: 'refresh-1' } });
    await openLock.doors();
    const tried = relay.requests
      .filter(({ path }) => path === '/v1/auth/refresh')
      .map(({ body }) => body['refreshToken']);
    expect(tried).to.deep.equal(['refresh-1', 'refresh-1', 'refresh-1']);
  });

  it('stops asking before the old refresh token would end the session, even if somebody sets the clock back', async () => {
    const clock = new FakeClock();
    const hour = 3_600_000;
    const storage = new MemoryTokenStorage({ accessToken: 'access-0', refreshToken: 'refresh-1', renewAt: 0 });
    const tried: number[] = [];
    const openLock = new OpenLock({
      url: relay.url,
      storage,
      clock: {
        now: () => clock.now() - (tried.length > 0 ? hour : 0),
        monotonic: () => clock.monotonic(),
        after: (ms, work) => clock.after(ms, work),
      },
      fetch: () => (tried.push(clock.monotonic()), Promise.reject(new TypeError('offline'))),
    });
    const failed = failure(openLock.doors(), UnreachableError);
    await clock.advance(20_000);
    expect(await failed).to.have.property('code', 'internal');
    expect(tried.length).to.be.greaterThan(3);
    expect((tried.at(-1) ?? 0) - (tried[0] ?? 0)).to.be.below(10_000);
    expect(storage.load()?.refreshToken).to.equal('refresh-1');
  });

  it('takes tokens that another tab has renewed meanwhile', async () => {
    const storage = new MemoryTokenStorage();
    const here = new OpenLock({ url: relay.url, storage });
    const there = new OpenLock({ url: relay.url, storage });
    await here.token({ loginId: 'l', code: '00000000' });
    storage.save({ ...(storage.load() as TokenSet), renewAt: 0 });
    await there.doors();
    await here.doors();
    expect(refreshes()).to.equal(1);
  });

  it('ends, and tells, when the refresh token is refused', async () => {
    const storage = new MemoryTokenStorage({ accessToken: 'access-0', refreshToken: 'refresh-0' });
    const openLock = new OpenLock({ url: relay.url, storage });
    const ended: string[] = [];
    openLock.onSignedOut(({ code }) => ended.push(code));
    expect((await failure(openLock.doors(), OpenLockError)).code).to.equal('token_revoked');
    expect(storage.load()).to.equal(undefined);
    expect(ended).to.deep.equal(['token_revoked']);
  });

  it('ends when the relay says that it was revoked elsewhere', async () => {
    relay.override = () => problem('token_revoked');
    const storage = new MemoryTokenStorage(relay.tokens);
    await failure(new OpenLock({ url: relay.url, storage }).doors(), OpenLockError);
    expect(storage.load()).to.equal(undefined);
    expect(refreshes()).to.equal(0);
  });

  it('survives a relay that is away', async () => {
    relay.override = ({ path }) => (path === '/v1/auth/refresh' ? problem('store_unavailable') : undefined);
    const storage = new MemoryTokenStorage({ accessToken: 'access-0', refreshToken: 'refresh-1' });
    const openLock = new OpenLock({ url: relay.url, storage });
    expect((await failure(openLock.doors(), OpenLockError)).code).to.equal('store_unavailable');
    expect(storage.load()?.refreshToken).to.equal('refresh-1');
    relay.override = () => undefined;
    expect(await openLock.doors()).to.have.lengthOf(1);
  });

  it('signs out, even if it had ended already', async () => {
    const storage = new MemoryTokenStorage(relay.tokens);
    const openLock = new OpenLock({ url: relay.url, storage });
    await openLock.revoke();
    expect(relay.paths()).to.deep.equal(['POST /v1/auth/revoke']);
    expect(storage.load()).to.equal(undefined);
    storage.save(relay.tokens);
    relay.override = () => problem('token_revoked');
    await openLock.revoke();
    expect(storage.load()).to.equal(undefined);
  });

  it('forgets the tokens on signing out even if the relay cannot be told', async () => {
    relay.override = () => problem('store_unavailable');
    const storage = new MemoryTokenStorage(relay.tokens);
    await failure(new OpenLock({ url: relay.url, storage }).revoke(), OpenLockError);
    expect(storage.load()).to.equal(undefined);
  });

  it('gives up on a request that is not answered', async () => {
    relay.override = () => 'hang';
    const clock = new FakeClock();
    const openLock = new OpenLock({ url: relay.url, clock, tokens: relay.tokens, requestTimeoutMs: 2_000 });
    const failed = failure(openLock.doors(), UnreachableError);
    await settle();
    await clock.advance(2_000);
    expect((await failed).message).to.include('2000 ms');
    expect(clock.pending).to.equal(0);
  });

  it("gives up when the caller does, with the caller's reason", async () => {
    relay.override = () => 'hang';
    const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
    const controller = new AbortController();
    const failed = failure(openLock.doors({ signal: controller.signal }), RangeError);
    controller.abort(new RangeError('enough'));
    expect((await failed).message).to.equal('enough');
    await failure(openLock.doors({ signal: AbortSignal.abort(new RangeError('before')) }), RangeError);
  });

  it("reads a proxy's error page, a wrong shape and JSON with duplicates as no usable answer", async () => {
    const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
    relay.override = () => ({ status: 502, body: '<html>' });
    expect((await failure(openLock.doors(), UnreachableError)).message).to.include('502');
    relay.override = () => ({ status: 200, body: { doors: 'many' } });
    await failure(openLock.doors(), UnreachableError);
    const duplicates = new OpenLock({
      url: relay.url,
      tokens: relay.tokens,
      fetch: () => Promise.resolve(new Response('{"doors":[],"doors":[]}')),
    });
    await failure(duplicates.doors(), UnreachableError);
  });

  it('carries the request id and the time to wait of a refusal', async () => {
    relay.override = () => problem('rate_limited', { retryAfterMs: 750 });
    const error = await failure(new OpenLock({ url: relay.url, tokens: relay.tokens }).doors(), OpenLockError);
    expect(error).to.have.property('code', 'rate_limited');
    expect(error.extras).to.deep.equal({ retryAfterMs: 750, requestId: 'req-1' });
  });
});

describe('tokens in web storage', () => {
  const items = new Map<string, string>();
  const storage = new WebTokenStorage({
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  });

  it('come back as they were, until they are cleared', () => {
    const tokens: TokenSet = {
      accessToken: 'a',
      accessExpiresAt: 1,
      renewAt: 0,
      refreshToken: 'r',
      refreshExpiresAt: 2,
      site: { id: 's', origin: 'o', email: 'e' },
    };
    storage.save(tokens);
    expect(storage.load()).to.deep.equal(tokens);
    storage.clear();
    expect(storage.load()).to.equal(undefined);
  });

  it('count as none when they are damaged', () => {
    for (const text of ['', 'null', '{}', '[]', '{"accessToken":5}', '{"accessToken":"a","renewAt":"soon"}', '{']) {
      items.set('openlock.tokens', text);
      expect(storage.load(), text).to.equal(undefined);
    }
  });
});
