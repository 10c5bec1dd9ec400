import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { expect } from 'chai';
import fc from 'fast-check';
import jwt from 'jsonwebtoken';

import { OpenLockError } from '../../src/protocol/problem.js';
import { AccessTokens } from '../../src/sites/access-tokens.js';
import { SigningKeys } from '../../src/sites/signing-keys.js';
import { FakeClock } from '../support/fake-clock.js';
import { ISSUER, random, scratch } from './support/harness.js';

const FIELDS = { siteId: 'site_1', sessionId: 'sess_1', origin: 'https://shop.example' };

describe('access tokens (protocol 3.5)', () => {
  const place = scratch();
  const clock = new FakeClock();
  let keys: SigningKeys;
  let tokens: AccessTokens;

  before(async () => {
    keys = await SigningKeys.load(place.dir, clock);
    tokens = fleetOf(() => [ISSUER, 'https://second.example']);
  });
  after(() => place.remove());

  function fleetOf(issuers: () => readonly string[]): AccessTokens {
    return new AccessTokens({ keys, clock, random, issuers, lifetimeSeconds: 900 });
  }

  function codeOf(token: string, verifier = tokens): string {
    try {
      verifier.verify(token);
      return 'ok';
    } catch (error) {
      return error instanceof OpenLockError ? error.code : String(error);
    }
  }

  const part = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const goodHeader = (): object => ({ alg: 'ES256', typ: 'at+jwt', kid: keys.newest.kid });
  const goodClaims = (): Record<string, unknown> => {
    const iat = Math.floor(clock.time / 1000);
    return {
      iss: ISSUER,
      aud: 'openlock',
      sub: 'site_1',
      sid: 'sess_1',
      origin: 'https://shop.example',
      iat,
      exp: iat + 900,
      jti: 'jti',
    };
  };

  /** Signed by our own key: only what is inside can be wrong. */
  function signed(header: object, claims: object, key = keys.newest.privateKey): string {
    const input = `${part(header)}.${part(claims)}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }

  it('carries what the protocol names, and no more', () => {
    const token = tokens.issue(FIELDS);
    const { header, payload } = jwt.decode(token, { complete: true }) ?? {};
    expect(header).to.deep.equal({ alg: 'ES256', typ: 'at+jwt', kid: keys.newest.kid });
    const seconds = Math.floor(clock.time / 1000);
    expect(payload).to.deep.include({
      iss: ISSUER,
      aud: 'openlock',
      sub: 'site_1',
      sid: 'sess_1',
      origin: 'https://shop.example',
      iat: seconds,
      exp: seconds + 900,
    });
    expect(Object.keys(payload as object)).to.have.members(['iss', 'aud', 'sub', 'sid', 'origin', 'iat', 'exp', 'jti']);
    expect(tokens.verify(token)).to.deep.equal({
      kind: 'site',
      siteId: 'site_1',
      sessionId: 'sess_1',
      origin: 'https://shop.example',
      expiresAt: (seconds + 900) * 1000,
    });
  });

  it('never repeats a jti', () => {
    const ids = Array.from({ length: 50 }, () => (jwt.decode(tokens.issue(FIELDS)) as jwt.JwtPayload).jti);
    expect(new Set(ids)).to.have.lengthOf(50);
  });

  it('accepts every name of the fleet as issuer', () => {
    expect(codeOf(fleetOf(() => ['https://second.example']).issue(FIELDS))).to.equal('ok');
    expect(codeOf(tokens.issue({ ...FIELDS, issuer: 'https://second.example' }))).to.equal('ok');
  });

  it('refuses an expired token as such, also one it has verified before', () => {
    const token = tokens.issue(FIELDS);
    expect(codeOf(token)).to.equal('ok');
    clock.time += 899_000;
    expect(codeOf(token)).to.equal('ok');
    clock.time += 1000;
    expect(codeOf(token)).to.equal('token_expired');
    expect(
      codeOf(
        token,
        fleetOf(() => [ISSUER]),
      ),
    ).to.equal('token_expired');
  });

  it('takes a token made in these tests by its own key, so that the refusals below are for what they say', () => {
    expect(codeOf(signed(goodHeader(), goodClaims()))).to.equal('ok');
  });

  const badClaims: Readonly<Record<string, object>> = {
    'of another audience': { aud: 'other' },
    'of several audiences': { aud: ['openlock', 'other'] },
    'without an audience': { aud: undefined },
    'of another issuer': { iss: 'https://evil.example' },
    'of an issuer that only starts like ours': { iss: `${ISSUER}.evil.example` },
    'without an issuer': { iss: undefined },
    'without an end': { exp: undefined },
    'with an end that is no number': { exp: '9999999999' },
    'not valid yet': { nbf: 4_000_000_000 },
    'without a subject': { sub: undefined },
    'with an empty subject': { sub: '' },
    'without a session': { sid: undefined },
    'without an origin': { origin: undefined },
    'without an id': { jti: undefined },
  };
  for (const [name, change] of Object.entries(badClaims)) {
    it(`refuses a token ${name}`, () =>
      expect(codeOf(signed(goodHeader(), { ...goodClaims(), ...change }))).to.equal('unauthenticated'));
  }

  const badHeaders: Readonly<Record<string, object>> = {
    'of the type JWT': { typ: 'JWT' },
    'without a type': { typ: undefined },
    'of the type of a command': { typ: 'openlock-command+jwe' },
    'without a key id': { kid: undefined },
    'with an unknown key id': { kid: 'unknown' },
    'with a key id that is a path': { kid: '../fleet.key' },
    'with a key id that is a property of objects': { kid: '__proto__' },
    'that says ES384': { alg: 'ES384' },
    'that says none': { alg: 'none' },
  };
  for (const [name, change] of Object.entries(badHeaders)) {
    it(`refuses a token ${name}`, () =>
      expect(codeOf(signed({ ...goodHeader(), ...change }, goodClaims()))).to.equal('unauthenticated'));
  }

  it('refuses a token signed by another key under the same kid, and one that brings its own key', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(codeOf(signed(goodHeader(), goodClaims(), privateKey))).to.equal('unauthenticated');
    const jwk = publicKey.export({ format: 'jwk' });
    expect(codeOf(signed({ ...goodHeader(), jwk }, goodClaims(), privateKey))).to.equal('unauthenticated');
    expect(
      codeOf(
        signed(
          { ...goodHeader(), jku: 'https://evil.example/jwks.json', x5u: 'https://evil.example' },
          goodClaims(),
          privateKey,
        ),
      ),
    ).to.equal('unauthenticated');
  });

  it('refuses alg none, with and without what looks like a signature', () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      const input = `${part({ ...goodHeader(), alg })}.${part(goodClaims())}`;
      for (const token of [`${input}.`, input, `${input}.AAAA`, `${input}.${'A'.repeat(86)}`])
        expect(codeOf(token), token).to.equal('unauthenticated');
    }
  });

  it('refuses HS256 keyed with the public key in any form', () => {
    const { publicKey } = keys.newest;
    const forms = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
      keys.newest.kid,
    ];
    for (const form of forms) {
      const input = `${part({ ...goodHeader(), alg: 'HS256' })}.${part(goodClaims())}`;
      expect(codeOf(`${input}.${createHmac('sha256', form).update(input).digest('base64url')}`)).to.equal(
        'unauthenticated',
      );
    }
  });

  it('refuses every other spelling of a good token', () => {
    const token = tokens.issue(FIELDS);
    const [header = '', claims = '', signature = ''] = token.split('.');
    const last = signature.at(-1) ?? '';
    const spellings = [
      ` ${token}`,
      `${token}\n`,
      `${token}=`,
      `${token}.`,
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}.${signature}=`,
      `${header}.${claims}\n.${signature}`,
      `${header}.${claims}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`,
      // Trailing bits that decode to the same bytes.
      `${header}.${claims}.${signature.slice(0, -1)}${String.fromCharCode(last.charCodeAt(0) + 1)}`,
    ];
    for (const spelling of spellings) expect(codeOf(spelling), spelling).to.equal('unauthenticated');
    expect(codeOf(token)).to.equal('ok');
  });

  it('refuses a token with any part changed', () => {
    const token = tokens.issue(FIELDS);
    for (let at = 0; at < token.length; at += 7) {
      const changed = token.slice(0, at) + (token.charAt(at) === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(codeOf(changed), String(at)).to.equal('unauthenticated');
    }
  });

  it('refuses any text at all, without another error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: 'binary' }),
          fc.array(fc.base64String()).map((parts) => parts.join('.')),
          fc.array(fc.json().map(part)).map((parts) => parts.join('.')),
        ),
        (text) => codeOf(text) === 'unauthenticated',
      ),
      { numRuns: 500 },
    );
    expect(codeOf('A'.repeat(1_000_000))).to.equal('unauthenticated');
    expect(codeOf(`${part('['.repeat(2000))}.e30.AAAA`)).to.equal('unauthenticated');
  });

  it('gives no verified token to another fleet with the same key ids', async () => {
    const other = scratch();
    const otherKeys = await SigningKeys.load(other.dir, clock);
    const stranger = new AccessTokens({
      keys: otherKeys,
      clock,
      random,
      issuers: () => [ISSUER],
      lifetimeSeconds: 900,
    });
    expect(codeOf(stranger.issue(FIELDS))).to.equal('unauthenticated');
    other.remove();
  });
});

describe('signing keys', () => {
  const clock = new FakeClock();
  const issue = (keys: SigningKeys): { readonly tokens: AccessTokens; readonly token: string } => {
    const tokens = new AccessTokens({ keys, clock, random, issuers: () => [ISSUER], lifetimeSeconds: 900 });
    return { tokens, token: tokens.issue(FIELDS) };
  };

  it('are agreed upon by relays that start at once', async () => {
    const place = scratch();
    const started = await Promise.all(
      Array.from({ length: 20 }, () => SigningKeys.load(`${place.dir}/secrets`, clock)),
    );
    expect(new Set(started.map((keys) => keys.newest.kid))).to.have.lengthOf(1);
    expect(started[0]?.jwks().keys).to.have.length(1);
    place.remove();
  });

  it('are agreed upon by relays that start at once as threads of their own', async () => {
    const place = scratch();
    const program = `
      const { workerData, parentPort } = require('node:worker_threads');
      require('tsx/cjs/api').register();
      (async () => {
        const { SigningKeys } = require(workerData.module);
        const keys = await SigningKeys.load(workerData.dir, { now: () => 1, monotonic: () => 1 });
        parentPort.postMessage(keys.newest.kid);
      })();`;
    const workerData = { dir: place.dir, module: new URL('../../src/sites/signing-keys.ts', import.meta.url).pathname };
    const kids = await Promise.all(
      Array.from(
        { length: 3 },
        async () => ((await once(new Worker(program, { eval: true, workerData }), 'message')) as string[])[0],
      ),
    );
    expect(new Set(kids)).to.have.lengthOf(1);
    place.remove();
  });

  it('rotate: the new one signs, the old one still verifies, and other relays learn of it from a token', async () => {
    const place = scratch();
    const [here, there] = [await SigningKeys.load(place.dir, clock), await SigningKeys.load(place.dir, clock)];
    const before = issue(here);
    const elsewhere = issue(there);
    await here.rotate();
    const after = issue(here);
    expect(jwt.decode(after.token, { complete: true })?.header.kid).not.to.equal(
      jwt.decode(before.token, { complete: true })?.header.kid,
    );
    for (const token of [before.token, after.token])
      expect(elsewhere.tokens.verify(token)).to.include({ siteId: 'site_1' });
    expect(there.newest.kid).to.equal(here.newest.kid);
    expect(there.jwks()).to.deep.equal(here.jwks());
    expect(here.jwks().keys.map((key) => (key as { kid: string }).kid)[0]).to.equal(here.newest.kid);
    place.remove();
  });

  it('rotate on two relays at once to one order on both', async () => {
    const place = scratch();
    const [here, there] = [await SigningKeys.load(place.dir, clock), await SigningKeys.load(place.dir, clock)];
    await Promise.all([here.rotate(), there.rotate()]);
    clock.time += 2000;
    expect(here.newest.kid).to.equal(there.newest.kid);
    expect(here.jwks().keys).to.have.length(3);
    place.remove();
  });

  it('go when their file is removed, and the others stay as they are', async () => {
    const place = scratch();
    const keys = await SigningKeys.load(place.dir, clock);
    await keys.rotate();
    const { kid } = keys.newest;
    rmSync(`${place.dir}/access-token-000001.pem`);
    const restarted = await SigningKeys.load(place.dir, clock);
    expect(restarted.jwks().keys.map((key) => (key as { kid: string }).kid)).to.deep.equal([kid]);
    expect(keys.jwks()).to.deep.equal(restarted.jwks());
    place.remove();
  });

  it('take the tokens they signed with them, also those verified before', async () => {
    const place = scratch();
    const keys = await SigningKeys.load(place.dir, clock);
    const { tokens, token } = issue(keys);
    expect(tokens.verify(token)).to.include({ siteId: 'site_1' });
    await keys.rotate();
    expect(tokens.verify(token)).to.include({ siteId: 'site_1' });
    rmSync(`${place.dir}/access-token-000001.pem`);
    tokens.issue(FIELDS);
    expect(() => tokens.verify(token))
      .to.throw(OpenLockError)
      .with.property('code', 'unauthenticated');
    place.remove();
  });

  it('stay in memory when the directory is away for a moment', async () => {
    const place = scratch();
    const { tokens, token } = issue(await SigningKeys.load(place.dir, clock));
    place.remove();
    clock.time += 2000;
    expect(tokens.verify(tokens.issue(FIELDS))).to.include({ siteId: 'site_1' });
    expect(tokens.verify(token)).to.include({ siteId: 'site_1' });
  });

  it('publish public halves only', async () => {
    const place = scratch();
    const keys = await SigningKeys.load(place.dir, clock);
    for (const key of keys.jwks().keys)
      expect(Object.keys(key)).to.have.members(['kty', 'crv', 'x', 'y', 'kid', 'use', 'alg']);
    place.remove();
  });
});
