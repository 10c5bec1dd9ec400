import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { SigningKeys, type SigningKey } from '../../src/sites/signing-keys.js';
import type { TestSite } from '../support/site.js';
import { addressIn, Attacker, inParallel } from './support/attacker.js';
import { report, Tally } from './support/figures.js';
import { OWNER, Scene } from './support/scene.js';
import { chooseSeed, Seeded } from './support/seeded.js';
import { SIZES } from './support/sizes.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Every part of an access token changed, and every trick of the trade (protocol 3.5): 401, and nobody is let in. */
describe('access tokens that are not (protocol 3.5)', function () {
  this.timeout(120_000);
  const random = new Seeded(chooseSeed());
  let scene: Scene;
  let site: TestSite;
  let attacker: Attacker;
  let key: SigningKey;
  let claims: Record<string, unknown>;
  let visits = 0;

  before(async () => {
    scene = await Scene.open({ OPENLOCK_TRUST_PROXY: '1' });
    site = await scene.site(OWNER);
    await scene.startHonest(site);
    attacker = new Attacker(scene.relay);
    key = (await SigningKeys.load(`${scene.relay.dataDir}/secrets`, systemClock)).newest;
    claims = JSON.parse(Buffer.from(site.accessToken.split('.')[1] ?? '', 'base64url').toString()) as typeof claims;
  });
  after(async () => {
    attacker?.close();
    await scene?.close();
  });

  /** A token of our own making, by the relay's true key unless another is named: what it says is all that is wrong. */
  const sign = (header: unknown, payload: unknown, by: KeyObject = key.privateKey): string => {
    const input = `${part(header)}.${part(payload)}`;
    const signature = createSign('sha256').update(input).sign({ key: by, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  };

  function tricks(): readonly string[] {
    const true_ = { alg: 'ES256', typ: 'at+jwt', kid: key.kid };
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = other.publicKey.export({ format: 'jwk' });
    const [head = '', body = '', signature = ''] = site.accessToken.split('.');
    const hmac = (alg: string, digest: string, secret: string | Buffer): string => {
      const input = `${part({ ...true_, alg })}.${body}`;
      return `${input}.${createHmac(digest, secret).update(input).digest('base64url')}`;
    };
    const publicForms = [
      key.publicKey.export({ type: 'spki', format: 'pem' }),
      key.publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(key.publicKey.export({ format: 'jwk' })),
      '',
      key.kid,
    ];
    const twice = (name: string, first: unknown, object: object): string =>
      JSON.stringify(object).replace('{', `{${JSON.stringify(name)}:${JSON.stringify(first)},`);
    const without = (name: string): object =>
      Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
    const now = Math.floor(Date.now() / 1000);
    return [
      // algorithm confusion
      ...publicForms.flatMap((secret) => [
        hmac('HS256', 'sha256', secret),
        hmac('HS384', 'sha384', secret),
        hmac('HS512', 'sha512', secret),
      ]),
      ...[
        'none',
        'None',
        'NONE',
        '',
        null,
        0,
        ['ES256'],
        'es256',
        'ES384',
        'ES512',
        'RS256',
        'PS256',
        'EdDSA',
        'HS256',
      ].flatMap((alg) => [
        sign({ ...true_, alg }, claims),
        `${part({ ...true_, alg })}.${body}.`,
        `${part({ ...true_, alg })}.${body}.${signature}`,
      ]),
      sign({ typ: 'at+jwt', kid: key.kid }, claims),
      `${part({ ...true_, alg: 'RS256' })}.${body}.${createSign('sha256')
        .update(`${part({ ...true_, alg: 'RS256' })}.${body}`)
        .sign(rsa.privateKey)
        .toString('base64url')}`,
      // key ids, and keys brought along
      ...[
        '',
        'nobody',
        '../../../dev/null',
        '/dev/null',
        `${key.kid}\0`,
        ` ${key.kid}`,
        `${key.kid} `,
        "' OR 1=1 --",
        '__proto__',
        'constructor',
        'toString',
        key.kid.toLowerCase(),
        'k'.repeat(129),
        'access-token-000001.pem',
        null,
        1,
        [key.kid],
        { kid: key.kid },
      ].flatMap((kid) => [sign({ ...true_, kid }, claims), sign({ ...true_, kid }, claims, other.privateKey)]),
      sign({ alg: 'ES256', typ: 'at+jwt' }, claims),
      sign(true_, claims, other.privateKey),
      sign({ ...true_, jwk }, claims, other.privateKey),
      sign({ ...true_, jwk, kid: undefined }, claims, other.privateKey),
      sign({ ...true_, jku: `${scene.relay.url}/.well-known/jwks.json` }, claims, other.privateKey),
      sign({ ...true_, x5u: 'https://127.0.0.1/x' }, claims, other.privateKey),
      sign({ ...true_, x5c: ['MIIB'] }, claims, other.privateKey),
      // what must be understood, is not (RFC 7515 4.1.11); other kinds of token
      ...[['exp'], ['b64'], [], 'exp', ['crit'], ['x']].map((crit) => sign({ ...true_, crit }, claims)),
      sign({ ...true_, crit: ['b64'], b64: false }, claims),
      sign({ ...true_, zip: 'DEF' }, claims),
      ...['JWT', 'at+JWT', 'application/at+jwt', 'openlock-proof+jws', '', null].map((typ) =>
        sign({ ...true_, typ }, claims),
      ),
      // members twice: the first, or the last, would do
      sign(twice('alg', 'none', true_), claims),
      sign(twice('kid', 'nobody', true_), claims),
      sign(twice('\\u0061lg', 'none', true_).replace('\\\\', '\\'), claims),
      sign(true_, twice('sub', 'site_of_another', claims)),
      sign(true_, twice('exp', 1, claims)),
      sign(true_, twice('sid', 'another', claims)),
      // no objects at all
      ...['null', '[]', '1', '"x"', '', '{', `\ufeff${JSON.stringify(true_)}`, `${JSON.stringify(true_)} x`].map(
        (header) => sign(header, claims),
      ),
      ...['null', '[]', '1', '"x"', '', '{'].map((payload) => sign(true_, payload)),
      // claims of another kind
      ...['iss', 'aud', 'sub', 'sid', 'origin', 'iat', 'exp', 'jti'].flatMap((name) => [
        sign(true_, without(name)),
        ...[null, '', [], {}, true, [claims[name]], ...(name === 'iat' ? [] : [-1])].map((value) =>
          sign(true_, { ...claims, [name]: value }),
        ),
      ]),
      sign(true_, { ...claims, exp: String(claims['exp']) }),
      sign(true_, { ...claims, exp: now - 1 }),
      sign(true_, { ...claims, nbf: now + 3600 }),
      sign(true_, { ...claims, iss: 'https://elsewhere.example' }),
      sign(true_, { ...claims, iss: `${String(claims['iss'])}.evil.example` }),
      sign(true_, { ...claims, aud: ['openlock', 'evil'] }),
      sign(true_, { ...claims, sid: 'invented' }),
      // signatures that some libraries took: all zero, DER, empty, cut, doubled, of the other half
      `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      `${head}.${body}.${Buffer.alloc(64, 0xff).toString('base64url')}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature.slice(0, -2)}`,
      `${head}.${body}.${signature}${signature}`,
      `${head}.${body}.${createSign('sha256').update(`${head}.${body}`).sign(key.privateKey).toString('base64url')}`,
      `${head}.${body}.${part('x'.repeat(64))}`,
      // parts in another order, more of them, fewer
      `${body}.${head}.${signature}`,
      `${head}.${signature}.${body}`,
      `.${site.accessToken}`,
      `${site.accessToken}.`,
      `${site.accessToken}.${signature}`,
      `${head}..${signature}`,
      `..`,
      `${head}.${body}.${signature}.${head}.${body}`,
      // other spellings of the very same token
      `${site.accessToken}=`,
      `${head}=.${body}.${signature}`,
      ...(/[-_]/.test(site.accessToken) ? [site.accessToken.replaceAll('-', '+').replaceAll('_', '/')] : []),
      site.accessToken.toLowerCase(),
      site.accessToken.split('').reverse().join(''),
      // much of it
      `${head}.${body}.${'A'.repeat(4096)}`,
      sign({ ...true_, pad: 'x'.repeat(3500) }, claims),
      sign(true_, { ...claims, deep: JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`) as unknown }, other.privateKey),
      'A'.repeat(8_000),
    ];
  }

  function mutations(): readonly string[] {
    const token = site.accessToken;
    const changed: string[] = [];
    for (let at = random.below(SIZES.tokenStep); at < token.length; at += SIZES.tokenStep)
      for (let count = 0; count < SIZES.tokenChanges; count += 1) {
        const character = random.pick([...ALPHABET].filter((one) => one !== token[at]));
        changed.push(token.slice(0, at) + (token[at] === '.' ? 'A' : character) + token.slice(at + 1));
      }
    return changed;
  }

  it('are refused with 401, every one of them, on HTTP and on the socket', async () => {
    const tokens = [...tricks(), ...mutations()];
    const seen = new Tally();
    const wrong: string[] = [];
    const { during } = await scene.during(() =>
      inParallel(tokens.length, 8, async (index) => {
        const token = tokens[index] ?? '';
        visits += 1;
        // An address each: after twenty failures the upgrade would be refused for that alone (protocol 8.2).
        const headers = { 'x-forwarded-for': addressIn(visits) };
        const upgrade = {
          ...{ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' },
          'sec-websocket-key': Buffer.alloc(16).toString('base64'),
          'sec-websocket-protocol': 'openlock.client.v1',
        };
        const answers = [await attacker.ask('GET', '/v1/doors', { token, headers })];
        if (index % 5 === 0)
          answers.push(await attacker.ask('GET', '/v1/socket', { token, headers: { ...headers, ...upgrade } }));
        for (const { status, code } of answers) {
          seen.add(`${status} ${code}`);
          if (status !== 401) wrong.push(`${status} ${code}: ${token.slice(0, 300)}`);
        }
      }),
    );
    expect(wrong, String(random)).to.deep.equal([]);
    expect(seen.names).to.have.members(['401 unauthenticated', '401 token_expired', '401 token_revoked']);
    // The true one goes on working, and is the measure of all this: it is let in.
    expect((await attacker.ask('GET', '/v1/doors', { token: site.accessToken })).status).to.equal(200);
    const tried = seen.names.reduce((sum, name) => sum + seen.of(name), 0);
    report({
      attack: 'forged and mutated access tokens',
      tried,
      refused: tried,
      quiet: scene.quiet,
      during,
      note: `${String(seen)}; ${String(random)}`,
    });
  });

  it('are refused when the header is of another form, or too long for any header', async () => {
    const { accessToken } = site;
    const headers = (authorization: string) => ({ authorization, 'x-forwarded-for': addressIn((visits += 1)) });
    for (const authorization of [
      `Basic ${accessToken}`,
      `Bearer\t${accessToken}`,
      `Bearer${accessToken}`,
      `Bearer ${accessToken} x`,
      `Bearer ${accessToken}, Bearer ${accessToken}`,
      `Token ${accessToken}`,
      accessToken,
      'Bearer',
      `Bearer ${'A'.repeat(5_000)}`,
    ]) {
      const { status, code } = await attacker.ask('GET', '/v1/doors', { headers: headers(authorization) });
      expect([status, code], authorization.slice(0, 40)).to.deep.equal([401, 'unauthenticated']);
    }
    const tooLong = await attacker.ask('GET', '/v1/doors', { headers: headers(`Bearer ${'A'.repeat(40_000)}`) });
    expect([tooLong.status, tooLong.code]).to.deep.equal([400, 'invalid_request']);
    scene.expectAlive();
  });
});
