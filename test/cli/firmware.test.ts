import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { makeRelease, makeReleaseKey } from '../support/releases.js';
import { cli, dataDir, testIo, type Outcome } from './support/cli.js';

const SIGN = ['--board', 'esp32dev', '--version', '1.3.0', '--security-version', '2'];
const DAY_MS = 86_400_000;

type Json = Readonly<Record<string, unknown>>;

/** A place on a disk, where nothing says where a store would be. */
function workshop() {
  const path = mkdtempSync(join(tmpdir(), 'openlock-firmware-'));
  return {
    path,
    file: (name: string): string => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

describe('firmware keygen, sign and verify, offline', function () {
  this.timeout(60_000);
  const dir = workshop();
  const unused = dataDir();
  after(() => {
    dir.remove();
    unused.remove();
  });
  const image = dir.file('fw.bin');
  // A store that is configured and cannot be there: whoever opens it fails.
  const environment = { ...unused.environment, OPENLOCK_REDIS_URL: 'unix:///nowhere/at/all.sock' };
  const openlock = (args: readonly string[], input = ''): Promise<Outcome> =>
    cli(['firmware', ...args], testIo({ environment, input }));
  const json = async (args: readonly string[], input = ''): Promise<Json> => {
    const { code, stdout, stderr } = await openlock([...args, '--json'], input);
    expect(code, stderr + stdout).to.equal(0);
    expect(stdout.trimEnd().split('\n')).to.have.length(1);
    return JSON.parse(stdout) as Json;
  };
  const refusal = async (args: readonly string[], input = ''): Promise<string> => {
    const { code, stdout } = await openlock([...args, '--json'], input);
    expect(code, stdout).to.be.oneOf([1, 2]);
    return (JSON.parse(stdout) as { error: { code: string } }).error.code;
  };

  before(() => writeFileSync(image, randomBytes(50_000)));
  afterEach(() => expect(readdirSync(unused.path), 'touched the data dir').to.deep.equal([]));

  it('keygen makes a key only its owner can read, and the public one beside it', async () => {
    const made = await json(['keygen', '--out', dir.file('plain.pem')]);
    expect(made).to.deep.equal({
      privateKey: dir.file('plain.pem'),
      publicKey: dir.file('plain.pub.pem'),
      kid: made['kid'],
      encrypted: false,
    });
    expect(made['kid']).to.match(/^[\w-]{43}$/);
    expect(statSync(dir.file('plain.pem')).mode & 0o777).to.equal(0o600);
    expect(readFileSync(dir.file('plain.pem'), 'utf8')).to.match(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(readFileSync(dir.file('plain.pub.pem'), 'utf8')).to.match(/^-----BEGIN PUBLIC KEY-----\n/);
  });

  it('keygen never replaces a file, neither of the two', async () => {
    const before = readFileSync(dir.file('plain.pem'), 'utf8');
    expect(await refusal(['keygen', '--out', dir.file('plain.pem')])).to.equal('file_exists');
    expect(readFileSync(dir.file('plain.pem'), 'utf8')).to.equal(before);
    writeFileSync(dir.file('half.pub.pem'), 'mine');
    expect(await refusal(['keygen', '--out', dir.file('half.pem')])).to.equal('file_exists');
    expect(readdirSync(dir.path)).to.not.include('half.pem');
    expect(readFileSync(dir.file('half.pub.pem'), 'utf8')).to.equal('mine');
    expect(await refusal(['keygen', '--out', dir.file('no/such/dir/k.pem')])).to.equal('ENOENT');
  });

  it('keygen --passphrase reads the passphrase from standard input, never from an argument', async () => {
    const made = await json(['keygen', '--passphrase', '--out', dir.file('sealed.pem')], 'correct horse battery\n');
    expect(made).to.include({ encrypted: true });
    expect(readFileSync(dir.file('sealed.pem'), 'utf8')).to.match(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    expect(await refusal(['keygen', '--passphrase', '--out', dir.file('none.pem')], '')).to.equal('wrong_usage');
    expect((await openlock(['keygen', '--passphrase', '--out', dir.file('short.pem')], 'abc\n')).stderr).to.contain(
      'can be guessed',
    );
    expect(await refusal(['keygen', '--passphrase', 'on-the-command-line'])).to.equal('wrong_usage');
  });

  it('sign writes the manifest beside the image, good for a year, and says what it signed', async () => {
    const signed = await json(['sign', image, '--key', dir.file('plain.pem'), ...SIGN, '--notes', 'quieter']);
    expect(signed).to.include({
      file: `${image}.manifest`,
      board: 'esp32dev',
      version: '1.3.0',
      securityVersion: 2,
      size: 50_000,
      notes: 'quieter',
    });
    expect(signed['createdAt']).to.be.closeTo(Date.now(), 10_000);
    expect(Number(signed['expiresAt']) - Number(signed['createdAt'])).to.equal(365 * DAY_MS);
    expect(readFileSync(`${image}.manifest`, 'utf8')).to.equal(`${String(signed['manifest'])}\n`);
    const checked = await json([
      'verify',
      image,
      `${image}.manifest`,
      '--key',
      dir.file('sealed.pub.pem'),
      '--key',
      dir.file('plain.pub.pem'),
    ]);
    expect(checked).to.include({
      valid: true,
      kid: signed['kid'],
      sha256: signed['sha256'],
      product: 'esplock',
      notes: 'quieter',
    });
  });

  it('sign --out - prints the manifest and nothing else', async () => {
    const { code, stdout } = await openlock(['sign', image, '--key', dir.file('plain.pem'), ...SIGN, '--out', '-']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^[\w-]+\.[\w-]+\.[\w-]{86}\n$/);
    expect(await json(['sign', image, '--key', dir.file('plain.pem'), ...SIGN, '--out', '-'])).to.include({
      file: null,
    });
  });

  it('sign takes an expiry in days or as a date', async () => {
    for (const [text, expected] of [
      ['90', Date.now() + 90 * DAY_MS],
      ['7d', Date.now() + 7 * DAY_MS],
      ['2099-06-30T12:00:00Z', Date.parse('2099-06-30T12:00:00Z')],
    ] as const) {
      const { expiresAt } = await json([
        'sign',
        image,
        '--key',
        dir.file('plain.pem'),
        ...SIGN,
        '--out',
        '-',
        '--expires',
        text,
      ]);
      expect(expiresAt, text).to.be.closeTo(expected, 10_000);
    }
    expect(await refusal(['sign', image, '--key', dir.file('plain.pem'), ...SIGN, '--expires', '2020-01-01'])).to.equal(
      'wrong_usage',
    );
  });

  it('sign asks for the passphrase of a sealed key', async () => {
    const key = ['--key', dir.file('sealed.pem')];
    const { kid } = await json(
      ['sign', image, ...key, ...SIGN, '--out', dir.file('sealed.manifest')],
      'correct horse battery\n',
    );
    expect(await json(['verify', image, dir.file('sealed.manifest'), '--key', dir.file('sealed.pub.pem')])).to.include({
      kid,
    });
    expect(await refusal(['sign', image, ...key, ...SIGN], 'wrong\n')).to.equal('wrong_passphrase');
    expect(await refusal(['sign', image, ...key, ...SIGN], '')).to.equal('wrong_usage');
  });

  it('sign refuses images and keys it cannot use', async () => {
    writeFileSync(dir.file('empty.bin'), '');
    writeFileSync(dir.file('large.bin'), Buffer.alloc(4 * 1024 * 1024 + 1));
    writeFileSync(dir.file('text.pem'), 'no key');
    const with_ = (file: string, key: string): Promise<string> => refusal(['sign', file, '--key', key, ...SIGN]);
    expect(await with_(dir.file('empty.bin'), dir.file('plain.pem'))).to.equal('invalid_request');
    expect(await with_(dir.file('large.bin'), dir.file('plain.pem'))).to.equal('too_large');
    expect(await with_(dir.path, dir.file('plain.pem'))).to.equal('wrong_usage');
    expect(await with_('/dev/zero', dir.file('plain.pem'))).to.equal('wrong_usage');
    expect(await with_(dir.file('none.bin'), dir.file('plain.pem'))).to.equal('ENOENT');
    expect(await with_(image, dir.file('none.pem'))).to.equal('ENOENT');
    expect(await with_(image, dir.file('text.pem'))).to.equal('invalid_request');
    expect(await with_(image, dir.file('plain.pub.pem'))).to.equal('invalid_request');
    expect(await with_(image, dir.file('large.bin'))).to.equal('payload_too_large');
  });

  it('sign warns of a private key that others can read', async () => {
    chmodSync(dir.file('plain.pem'), 0o644);
    expect((await openlock(['sign', image, '--key', dir.file('plain.pem'), ...SIGN])).stderr).to.contain(
      'can be read by other users',
    );
    chmodSync(dir.file('plain.pem'), 0o600);
    expect((await openlock(['sign', image, '--key', dir.file('plain.pem'), ...SIGN])).stderr).to.equal('');
  });

  it('verify refuses, each with its code', async () => {
    const key = makeReleaseKey();
    writeFileSync(dir.file('key.pub.pem'), key.pem);
    const bytes = readFileSync(image);
    const verify = async (
      manifest: string,
      file = image,
      keys = ['--key', dir.file('key.pub.pem')],
    ): Promise<string> => {
      writeFileSync(dir.file('m'), manifest);
      const { code, stdout } = await openlock(['verify', file, dir.file('m'), ...keys, '--json']);
      return code === 0 ? 'valid' : (JSON.parse(stdout) as { error: { code: string } }).error.code;
    };
    const made = (claims: object, header: object = {}): string =>
      makeRelease({ key, version: '1.0.0', image: bytes, claims: { ...claims }, header: { ...header } }).manifest;
    writeFileSync(dir.file('other.bin'), randomBytes(50_000));
    writeFileSync(dir.file('short.bin'), bytes.subarray(1));
    expect(await verify(`\n  ${made({})}\r\n`)).to.equal('valid');
    expect(await verify(made({}), dir.file('other.bin'))).to.equal('hash_mismatch');
    expect(await verify(made({}), dir.file('short.bin'))).to.equal('size_mismatch');
    expect(await verify(made({ expiresAt: 1 }))).to.equal('expired');
    expect(await verify(made({ product: 'toaster' }))).to.equal('wrong_product');
    expect(await verify(made({ size: 5_000_000 }))).to.equal('too_large');
    expect(await verify(made({}, { alg: 'none' }))).to.equal('bad_signature');
    expect(await verify('hello')).to.equal('bad_signature');
    expect(await verify('a'.repeat(5000))).to.equal('payload_too_large');
    expect(await verify(made({}), image, ['--key', dir.file('plain.pub.pem')])).to.equal('unknown_key');
    expect(await verify(made({}), image, ['--key', dir.file('plain.pem')])).to.equal('invalid_request');
    expect((await openlock(['verify', image, dir.file('m'), '--key', dir.file('plain.pem')])).stderr).to.contain(
      'plain.pem: This is a private key',
    );
  });
});

describe('firmware on the store, with no relay running', function () {
  this.timeout(60_000);
  const dir = workshop();
  const data = dataDir();
  after(() => {
    dir.remove();
    data.remove();
  });
  const key = makeReleaseKey();
  const first = makeRelease({
    key,
    version: '1.3.0',
    board: 'esp32dev',
    image: randomBytes(200_000),
    claims: { notes: 'red \u001b[31m' },
  });
  const other = makeRelease({ key, version: '1.3.0', board: 'esp32-s3' });
  const openlock = (args: readonly string[], isTTY = false): Promise<Outcome> =>
    cli(args, testIo({ environment: data.environment, isTTY }));
  const json = async (...args: readonly string[]): Promise<Json> => {
    const { code, stdout, stderr } = await openlock([...args, '--json']);
    expect(code, stderr + stdout).to.equal(0);
    expect(stdout.trimEnd().split('\n')).to.have.length(1);
    return JSON.parse(stdout) as Json;
  };
  const refused = async (...args: readonly string[]): Promise<{ code: string; detail: string }> => {
    const { code, stdout } = await openlock([...args, '--json']);
    expect(code, stdout).to.equal(1);
    return (JSON.parse(stdout) as { error: { code: string; detail: string } }).error;
  };
  const files = (name: string, release: { image: Buffer; manifest: string }): readonly string[] => {
    writeFileSync(dir.file(`${name}.bin`), release.image);
    writeFileSync(dir.file(`${name}.manifest`), `${release.manifest}\n`);
    return [dir.file(`${name}.bin`), dir.file(`${name}.manifest`)];
  };

  before(() => {
    writeFileSync(dir.file('key.pem'), key.privatePem);
    writeFileSync(dir.file('key.pub.pem'), key.pem);
  });

  it('publishes nothing before a key is trusted, and no private key ever is', async () => {
    expect(await json('firmware', 'trust', 'list')).to.deep.equal({ keys: [] });
    expect((await refused('firmware', 'publish', ...files('first', first))).code).to.equal('unknown_key');
    expect((await refused('firmware', 'trust', 'add', dir.file('key.pem'))).detail).to.contain('private key');
    expect(await json('firmware', 'trust', 'add', dir.file('key.pub.pem'))).to.deep.equal({
      kid: key.kid,
      trusted: true,
      changed: true,
    });
    expect(await json('firmware', 'trust', 'add', dir.file('key.pub.pem'))).to.deep.equal({
      kid: key.kid,
      trusted: true,
      changed: false,
    });
    const { keys } = (await json('firmware', 'trust', 'list')) as { keys: readonly Json[] };
    expect(keys).to.have.length(1);
    expect(keys[0]).to.include({ kid: key.kid, pem: key.pem });
  });

  it('publishes, with a bar for people, and says that it was published before', async () => {
    const published = await openlock(['firmware', 'publish', ...files('first', first)], true);
    expect(published.code, published.stderr).to.equal(0);
    expect(published.stderr).to.contain('uploading').and.contain('100 %');
    expect(published.stdout).to.contain(first.sha256).and.contain('red \\x1b[31m');
    const again = await json('firmware', 'publish', ...files('first', first));
    expect(again).to.include({
      outcome: 'unchanged',
      sha256: first.sha256,
      version: '1.3.0',
      board: 'esp32dev',
      state: 'ready',
      kid: key.kid,
      withdrawnAt: null,
    });
    expect(await json('firmware', 'publish', ...files('other', other))).to.include({
      outcome: 'published',
      sha256: other.sha256,
    });
  });

  it('verifies with the keys the relay trusts where none is given', async () => {
    expect(await json('firmware', 'verify', ...files('first', first))).to.include({ valid: true, kid: key.kid });
    expect(
      (await refused('firmware', 'verify', ...files('x', makeRelease({ key: makeReleaseKey(), version: '1.0.0' }))))
        .code,
    ).to.equal('unknown_key');
  });

  it('lists and shows releases, and names the candidates where a version means several', async () => {
    const { releases } = (await json('firmware', 'list')) as { releases: readonly Json[] };
    expect(releases.map(({ sha256 }) => sha256)).to.have.members([first.sha256, other.sha256]);
    expect((await openlock(['firmware', 'list'])).stdout)
      .to.contain('ready')
      .and.contain(first.sha256);
    const several = await refused('firmware', 'show', '1.3.0');
    expect(several.code).to.equal('invalid_request');
    expect(several.detail).to.contain(first.sha256).and.contain(other.sha256).and.contain('--board');
    expect(await json('firmware', 'show', '1.3.0', '--board', 'esp32-s3')).to.include({
      sha256: other.sha256,
      manifest: other.manifest,
      state: 'ready',
    });
    expect(await json('firmware', 'show', first.sha256.slice(0, 10))).to.include({ sha256: first.sha256 });
    const { stdout } = await openlock(['firmware', 'show', first.sha256]);
    expect(stdout).to.contain(first.manifest).and.contain('red \\x1b[31m').and.not.contain('\u001b');
    expect((await refused('firmware', 'show', '9.9.9')).code).to.equal('not_found');
  });

  it('withdraws for good', async () => {
    expect(await json('firmware', 'withdraw', '1.3.0', '--board', 'esp32-s3')).to.include({
      sha256: other.sha256,
      state: 'withdrawn',
      changed: true,
    });
    expect(await json('firmware', 'withdraw', other.sha256)).to.include({ state: 'withdrawn', changed: false });
    expect((await refused('firmware', 'publish', ...files('other', other))).detail).to.contain(
      'cannot be published again',
    );
    expect(await json('firmware', 'show', '1.3.0')).to.include({ sha256: first.sha256, state: 'ready' });
  });

  it('takes a key away, by its file or its id, and says what that leaves idle', async () => {
    expect(await json('firmware', 'trust', 'remove', dir.file('key.pub.pem'))).to.deep.equal({
      kid: key.kid,
      trusted: false,
      releases: 1,
    });
    expect(await json('firmware', 'show', '1.3.0')).to.include({ state: 'untrusted' });
    expect((await refused('firmware', 'trust', 'remove', key.kid)).code).to.equal('key_not_found');
    await json('firmware', 'trust', 'add', dir.file('key.pub.pem'));
    expect(await json('firmware', 'trust', 'remove', key.kid)).to.include({ trusted: false });
  });

  it('leaves an audit entry of each act, and takes them along at an export', async () => {
    const { entries } = (await json('audit', '--last', '50')) as { entries: readonly Json[] };
    expect(entries.map(({ kind }) => kind)).to.deep.equal([
      'release_key_added',
      'release_published',
      'release_published',
      'release_withdrawn',
      'release_key_removed',
      'release_key_added',
      'release_key_removed',
    ]);
    expect(entries[1]).to.include({
      actor: 'cli:tester',
      target: `release:${first.sha256}`,
      node: 'cli',
      release: first.sha256,
      code: '1.3.0 esp32dev',
    });
    expect(JSON.stringify(entries)).to.not.contain('PRIVATE');
    expect(await json('audit', 'export')).to.include({ entries: 7 });
  });
});
