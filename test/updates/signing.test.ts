import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import fc from 'fast-check';
import { compactVerify } from 'jose';

import { systemRandom } from '../../src/clock.js';
import { digestOf } from '../../src/updates/image-reader.js';
import { generateReleaseKey, readReleaseKey } from '../../src/updates/release-keys.js';
import { checkImage, signManifest, verifyManifest } from '../../src/updates/signing.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { UpdateError } from '../../src/protocol/release.js';
import { makeRelease, makeReleaseKey, signManifest as signWithNodeAlone } from '../support/releases.js';

const NOW = Date.parse('2026-11-22T00:00:00Z');
const CLAIMS = {
  board: 'esp32dev',
  version: '1.3.0',
  securityVersion: 2,
  size: 1_500_000,
  sha256: 'ab'.repeat(32),
  createdAt: NOW,
  expiresAt: NOW + 1000,
  notes: 'quieter',
};

/** Code of what is thrown; 'taken' when nothing is. */
function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof UpdateError || error instanceof OpenLockError) return error.code;
    throw error;
  }
  return 'taken';
}

const decode = (part: string | undefined): unknown => JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));

describe('signed manifests', () => {
  const signer = generateReleaseKey(systemRandom);
  const manifest = signManifest(CLAIMS, signer);
  const independent = makeReleaseKey();
  const trusted = [signer, readReleaseKey(independent.pem)];

  it('have the header and the claims of protocol 12.1, in its order, and nothing else', () => {
    const [header, payload, signature] = manifest.split('.');
    expect(Object.entries(decode(header) as object)).to.deep.equal([
      ['alg', 'ES256'],
      ['typ', 'openlock-release+jws'],
      ['kid', signer.kid],
    ]);
    expect(Object.keys(decode(payload) as object)).to.deep.equal([
      'product',
      'board',
      'version',
      'securityVersion',
      'size',
      'sha256',
      'createdAt',
      'expiresAt',
      'notes',
    ]);
    expect(decode(payload)).to.deep.equal({ product: 'esplock', ...CLAIMS });
    expect(Buffer.from(signature ?? '', 'base64url')).to.have.length(64);
  });

  it('are taken back with their claims', () => {
    expect(verifyManifest(manifest, trusted, NOW)).to.deep.equal({
      kid: signer.kid,
      claims: { product: 'esplock', ...CLAIMS },
    });
  });

  it('are good to a JOSE library that had no part in them', async () => {
    const { payload } = await compactVerify(manifest, signer.key, { algorithms: ['ES256'] });
    expect(JSON.parse(Buffer.from(payload).toString('utf8'))).to.deep.equal({ product: 'esplock', ...CLAIMS });
  });

  it('are good to OpenSSL, and bad with another claim', () => {
    const dir = mkdtempSync(join(tmpdir(), 'openlock-sign-'));
    try {
      const [header = '', payload = '', signature = ''] = manifest.split('.');
      const openssl = (text: string): string => {
        writeFileSync(join(dir, 'text'), text);
        writeFileSync(join(dir, 'key.pem'), signer.pem);
        writeFileSync(join(dir, 'signature'), derSignature(Buffer.from(signature, 'base64url')));
        try {
          return execFileSync('openssl', ['dgst', '-sha256', '-verify', 'key.pem', '-signature', 'signature', 'text'], {
            cwd: dir,
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'pipe'],
          }).trim();
        } catch {
          return 'refused';
        }
      };
      expect(openssl(`${header}.${payload}`)).to.equal('Verified OK');
      expect(
        openssl(
          `${header}.${Buffer.from(JSON.stringify({ product: 'esplock', ...CLAIMS, securityVersion: 3 })).toString('base64url')}`,
        ),
      ).to.equal('refused');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('made by node:crypto alone are taken too', () => {
    const { manifest: foreign, sha256 } = makeRelease({
      key: independent,
      version: '2.0.0-rc.1',
      claims: { expiresAt: NOW + 1 },
    });
    expect(verifyManifest(foreign, trusted, NOW).claims).to.include({
      version: '2.0.0-rc.1',
      sha256,
      board: 'simulator',
    });
  });

  it('are refused with any one character replaced, anywhere', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const seen = new Set<string>();
    for (let at = 0; at < manifest.length; at += 1) {
      if (manifest[at] === '.') continue;
      // The nearest character and the farthest: one bit and all bits.
      for (const flip of [1, 63]) {
        const other = alphabet[alphabet.indexOf(manifest.charAt(at)) ^ flip] ?? '';
        seen.add(code(() => verifyManifest(manifest.slice(0, at) + other + manifest.slice(at + 1), trusted, NOW)));
      }
    }
    expect([...seen]).to.have.members(['bad_signature', 'unknown_key']);
  });

  it('are refused with any claim changed under the old signature', () => {
    const [header, payload, signature] = manifest.split('.');
    const claims = decode(payload) as Record<string, unknown>;
    const changes: Readonly<Record<string, unknown>> = {
      board: 'esp32-s3',
      version: '1.3.1',
      securityVersion: 1,
      size: 1_500_001,
      sha256: 'ac'.repeat(32),
      createdAt: NOW - 1,
      expiresAt: NOW + 9999,
      notes: 'louder',
    };
    expect(Object.keys(changes)).to.have.members(Object.keys(CLAIMS));
    for (const [name, value] of Object.entries(changes)) {
      const changed = Buffer.from(JSON.stringify({ ...claims, [name]: value })).toString('base64url');
      expect(
        code(() => verifyManifest(`${header}.${changed}.${signature}`, trusted, NOW)),
        name,
      ).to.equal('bad_signature');
    }
  });

  it('are refused under a header of another kind, though a trusted key signed it', () => {
    const kinds: readonly Readonly<Record<string, unknown>>[] = [
      { alg: 'none' },
      { alg: 'ES384' },
      { alg: 'HS256' },
      { typ: 'JWT' },
      { typ: undefined },
      { kid: undefined },
      { kid: 'x' },
      { crit: ['exp'] },
      { jwk: {} },
      { b64: false },
      { zip: 'DEF' },
    ];
    for (const header of kinds)
      expect(
        code(() => verifyManifest(makeRelease({ key: independent, version: '2.0.0', header }).manifest, trusted, NOW)),
        JSON.stringify(header),
      ).to.equal('bad_signature');
  });

  it('are refused with claims of another shape, though a trusted key signed them', () => {
    const far = NOW + 1e9;
    const shapes: readonly (readonly [string, unknown])[] = [
      ...Object.keys(CLAIMS)
        .filter((name) => name !== 'notes')
        .map((name) => [name, undefined] as const),
      ['product', undefined],
      ['board', ''],
      ['board', '-x'],
      ['board', 'a b'],
      ['board', 'b'.repeat(65)],
      ['version', '1.3'],
      ['version', 'v1.3.0'],
      ['version', '01.3.0'],
      ['version', ' 1.3.0'],
      ['version', `1.0.0-${'a'.repeat(64)}`],
      ['securityVersion', -1],
      ['securityVersion', 1.5],
      ['securityVersion', '2'],
      ['securityVersion', 2 ** 32],
      ['size', 0],
      ['size', -1],
      ['size', '12'],
      ['sha256', 'AB'.repeat(32)],
      ['sha256', 'ab'.repeat(31)],
      ['sha256', 'zz'.repeat(32)],
      ['createdAt', -1],
      ['createdAt', '2026'],
      ['expiresAt', null],
      ['expiresAt', 1e300],
      ['notes', 'n'.repeat(513)],
      ['notes', 7],
      ['extra', true],
    ];
    for (const [name, value] of shapes) {
      const { manifest: bad } = makeRelease({
        key: independent,
        version: '2.0.0',
        claims: { expiresAt: far, [name]: value },
      });
      expect(
        code(() => verifyManifest(bad, trusted, NOW)),
        `${name}: ${JSON.stringify(value)}`,
      ).to.equal('bad_signature');
    }
  });

  it('say of what else is wrong with them what it is', () => {
    const made = (claims: object): string =>
      makeRelease({ key: independent, version: '2.0.0', claims: { expiresAt: NOW + 1, ...claims } }).manifest;
    expect(code(() => verifyManifest(made({}), trusted, NOW))).to.equal('taken');
    expect(code(() => verifyManifest(made({ expiresAt: NOW }), trusted, NOW))).to.equal('expired');
    expect(code(() => verifyManifest(made({ product: 'toaster' }), trusted, NOW))).to.equal('wrong_product');
    expect(code(() => verifyManifest(made({ size: 4 * 1024 * 1024 + 1 }), trusted, NOW))).to.equal('too_large');
    expect(code(() => verifyManifest(made({}), [signer], NOW))).to.equal('unknown_key');
    expect(code(() => verifyManifest(made({}), [], NOW))).to.equal('unknown_key');
  });

  it('are refused when another key signed under the name of a trusted one', () => {
    const impostor = makeReleaseKey();
    expect(
      code(() =>
        verifyManifest(
          makeRelease({ key: { ...impostor, kid: independent.kid }, version: '2.0.0' }).manifest,
          trusted,
          Date.now(),
        ),
      ),
    ).to.equal('bad_signature');
  });

  it('are refused with a signature in DER, cut, lengthened, or of zeros', () => {
    const [header, payload, signature = ''] = manifest.split('.');
    const raw = Buffer.from(signature, 'base64url');
    for (const other of [
      derSignature(raw),
      raw.subarray(0, 63),
      Buffer.concat([raw, Buffer.alloc(1)]),
      Buffer.alloc(64),
      randomBytes(64),
    ]) {
      expect(
        code(() => verifyManifest(`${header}.${payload}.${other.toString('base64url')}`, trusted, NOW)),
        other.toString('hex'),
      ).to.equal('bad_signature');
    }
  });

  it('are refused where JSON says one thing twice, or base64url has another spelling', () => {
    const [header = '', payload = '', signature] = manifest.split('.');
    const twice = Buffer.from(
      `{"product":"esplock",${Buffer.from(payload, 'base64url').toString('utf8').slice(1)}`,
    ).toString('base64url');
    for (const bad of [
      `${header}.${twice}.${signature}`,
      `${header}.${payload}=.${signature}`,
      `${manifest}.`,
      ` ${manifest}`,
      `${header}.${payload}`,
      '',
      '.',
      '..',
      'a'.repeat(5000),
    ]) {
      expect(
        code(() => verifyManifest(bad, trusted, NOW)),
        bad.slice(0, 40),
      ).to.equal('bad_signature');
    }
  });

  it('are refused, and nothing breaks, whatever text or JSON stands in their place', () => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = part({ alg: 'ES256', typ: 'openlock-release+jws', kid: signer.kid });
    const claims = { product: 'esplock', ...CLAIMS };
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5000 }),
      fc.tuple(fc.base64String(), fc.base64String(), fc.base64String()).map((parts) => parts.join('.')),
      fc.json().map((text) => `${header}.${Buffer.from(text).toString('base64url')}.${'A'.repeat(86)}`),
      fc
        .tuple(fc.constantFrom(...Object.keys(claims)), fc.jsonValue())
        .map(([name, value]) => `${header}.${part({ ...claims, [name]: value })}.${'A'.repeat(86)}`),
    );
    fc.assert(
      fc.property(texts, (text) => code(() => verifyManifest(text, trusted, NOW)) === 'bad_signature'),
      { numRuns: 1500 },
    );
  });
});

describe('signing', () => {
  const signer = generateReleaseKey(systemRandom);

  it('refuses what no door would take, before there is a signature', () => {
    const refused: readonly (readonly [object, string])[] = [
      [{ size: 4 * 1024 * 1024 + 1 }, 'too_large'],
      [{ size: 0 }, 'invalid_request'],
      [{ board: 'a b' }, 'invalid_request'],
      [{ version: '1' }, 'invalid_request'],
      [{ securityVersion: -1 }, 'invalid_request'],
      [{ sha256: 'x' }, 'invalid_request'],
      [{ expiresAt: NOW }, 'invalid_request'],
      [{ notes: 'n'.repeat(513) }, 'invalid_request'],
      [{ notes: '\u0001'.repeat(512) }, 'invalid_request'], // six characters each in JSON: past 4096
    ];
    for (const [change, expected] of refused)
      expect(
        code(() => signManifest({ ...CLAIMS, ...change }, signer)),
        JSON.stringify(change),
      ).to.equal(expected);
  });

  it('takes the longest of everything that is allowed', () => {
    const longest = {
      ...CLAIMS,
      board: 'b'.repeat(64),
      version: `1.0.0-${'a'.repeat(58)}`,
      securityVersion: 2 ** 32 - 1,
      size: 4 * 1024 * 1024,
      notes: '世'.repeat(512),
    };
    expect(verifyManifest(signManifest(longest, signer), [signer], NOW).claims).to.include(longest);
  });

  it('leaves out notes that were not given', () => {
    const claims: Partial<typeof CLAIMS> = { ...CLAIMS };
    delete claims.notes;
    expect(verifyManifest(signManifest(claims as typeof CLAIMS, signer), [signer], NOW).claims).to.not.have.property(
      'notes',
    );
  });

  it('makes the same text as an independent maker, but for the signature', () => {
    const key = makeReleaseKey();
    const text = (jws: string): string => jws.slice(0, jws.lastIndexOf('.'));
    expect(text(signManifest(CLAIMS, { ...readReleaseKey(key.pem), privateKey: key.privateKey }))).to.equal(
      text(signWithNodeAlone(key, { product: 'esplock', ...CLAIMS })),
    );
  });
});

describe('an image', () => {
  const source = (...pieces: readonly Buffer[]) => ({
    async *read() {
      await Promise.resolve();
      yield* pieces;
    },
  });

  it('is hashed as it streams by, and held against its manifest', async () => {
    const image = randomBytes(100_000);
    const digest = await digestOf(source(image.subarray(0, 1), image.subarray(1, 70_000), image.subarray(70_000)));
    expect(digest).to.deep.equal({ size: 100_000, sha256: createHash('sha256').update(image).digest('hex') });
    const form = (change: object) => ({
      kid: '',
      claims: { product: 'esplock' as const, ...CLAIMS, ...digest, ...change },
    });
    expect(code(() => checkImage(form({}), digest))).to.equal('taken');
    expect(code(() => checkImage(form({ size: 99_999 }), digest))).to.equal('size_mismatch');
    expect(code(() => checkImage(form({ sha256: CLAIMS.sha256 }), digest))).to.equal('hash_mismatch');
  });

  it('may have 4 MiB and no byte more, and is not read further than that', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024);
    expect((await digestOf(source(mebibyte, mebibyte, mebibyte, mebibyte))).size).to.equal(4 * 1024 * 1024);
    let read = 0;
    const endless = {
      async *read() {
        await Promise.resolve();
        for (;;) {
          read += 1;
          yield mebibyte;
        }
      },
    };
    expect(
      await digestOf(endless).then(
        () => 'taken',
        (error: unknown) => (error instanceof UpdateError ? error.code : error),
      ),
    ).to.equal('too_large');
    expect(read).to.equal(5);
  });

  it('must not be empty', async () => {
    expect(
      await digestOf(source()).then(
        () => 'taken',
        (error: unknown) => (error instanceof OpenLockError ? error.code : error),
      ),
    ).to.equal('invalid_request');
  });
});

/** r and s as ASN.1 wants them. */
function derSignature(raw: Buffer): Buffer {
  const integer = (bytes: Buffer): Buffer => {
    let start = 0;
    while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
    const digits = bytes.subarray(start);
    const positive = (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits;
    return Buffer.concat([Buffer.from([2, positive.length]), positive]);
  };
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
