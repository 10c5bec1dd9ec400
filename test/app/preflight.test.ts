import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { openOperator } from '../../src/app/operator.js';
import { createApp } from '../../src/app/app.js';
import { findProblems, prepare } from '../../src/app/preflight.js';
import { systemClock } from '../../src/clock.js';
import { ConfigError, readConfig, type Environment } from '../../src/config.js';
import { loadTls } from '../../src/http/certificates.js';

describe('before anything starts', () => {
  let parent: string;
  let dir: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'openlock-preflight-'));
    dir = join(parent, 'data');
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  const config = (more: Environment = {}) =>
    readConfig({ OPENLOCK_DATA_DIR: dir, OPENLOCK_PORT: '0', OPENLOCK_HOST: '127.0.0.1', ...more });
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  const make = (path: string, mode: number, content = 'x'): string => {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  };
  const refusal = (work: () => void): string => {
    try {
      work();
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    return '';
  };
  const problems = async (more: Environment = {}, ownPorts: readonly number[] = []): Promise<string> =>
    (await findProblems(config(more), { clock: systemClock, ownPorts })).join('\n');

  it('the data dir is made for its owner alone', () => {
    prepare(config());
    expect(modeOf(dir)).to.equal(0o700);
  });

  it('one that others can look into is closed, where nothing but ours is in it', () => {
    for (const mode of [0o755, 0o750, 0o777]) {
      mkdirSync(dir);
      chmodSync(dir, mode);
      prepare(config());
      expect(modeOf(dir), mode.toString(8)).to.equal(0o700);
      rmSync(dir, { recursive: true });
    }
    mkdirSync(join(dir, 'redis'), { recursive: true });
    chmodSync(dir, 0o755);
    prepare(config());
    expect(modeOf(dir)).to.equal(0o700);
  });

  it('a place that is also somebody else’s is not touched but refused, with the command', () => {
    make(join(dir, 'holiday.jpg'), 0o644);
    chmodSync(dir, 0o755);
    expect(refusal(() => prepare(config())))
      .to.contain('OPENLOCK_DATA_DIR')
      .and.contain(`chmod 700 ${dir}`);
    expect(modeOf(dir)).to.equal(0o755);
    chmodSync(dir, 0o1777);
    rmSync(join(dir, 'holiday.jpg'));
    expect(
      refusal(() => prepare(config())),
      'sticky, as /tmp is',
    ).to.contain('chmod 700');
  });

  it('one that others could write to may hold what they put there', () => {
    mkdirSync(join(dir, 'secrets'), { recursive: true });
    chmodSync(dir, 0o777);
    expect(refusal(() => prepare(config()))).to.contain('can write to');
  });

  it('secrets that others can read are refused, with the command that ends it', () => {
    const path = make(join(dir, 'secrets', 'fleet.key'), 0o644);
    const other = make(join(dir, 'secrets', 'device ca', 'key.pem'), 0o640);
    chmodSync(dir, 0o700);
    expect(refusal(() => prepare(config())))
      .to.contain('OPENLOCK_SECRETS_DIR')
      .and.contain('chmod 600')
      .and.contain(path)
      .and.contain(`'${other}'`);
    chmodSync(path, 0o600);
    chmodSync(other, 0o400);
    expect(refusal(() => prepare(config()))).to.equal('');
  });

  it('so are the keys of TLS, configured and own', () => {
    const key = make(join(parent, 'key.pem'), 0o604);
    const files = { OPENLOCK_TLS_CERT: join(parent, 'cert.pem'), OPENLOCK_TLS_KEY: key };
    expect(refusal(() => prepare(config(files))))
      .to.contain('OPENLOCK_TLS_KEY')
      .and.contain(`chmod 600 ${key}`);
    expect(refusal(() => prepare(config({ ...files, OPENLOCK_TLS: 'off' })))).to.equal('');
    make(join(dir, 'tls', 'ca-key.pem'), 0o644);
    chmodSync(dir, 0o700);
    expect(refusal(() => prepare(config()))).to.contain('ca-key.pem');
  });

  it('neither a relay nor a command line starts with open secrets', async () => {
    make(join(dir, 'secrets', 'fleet.key'), 0o644);
    chmodSync(dir, 0o700);
    const refused = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'it started',
        (error: unknown) => (error instanceof ConfigError ? error.message : String(error)),
      );
    expect(await refused(createApp(config({ OPENLOCK_LOG_LEVEL: 'silent' })).start())).to.contain('chmod 600');
    expect(await refused(openOperator(config(), { actor: 'cli:tester' }))).to.contain('chmod 600');
    expect(existsSync(join(dir, 'redis'))).to.equal(false);
  });

  describe('check-config finds, and changes nothing:', () => {
    it('nothing where all is well', async () => {
      expect(await problems()).to.equal('');
      expect(existsSync(dir)).to.equal(false);
    });

    it('certificate and key that are missing, no PEM, or of two pairs', async () => {
      const files = { OPENLOCK_TLS_CERT: join(parent, 'cert.pem'), OPENLOCK_TLS_KEY: join(parent, 'key.pem') };
      expect(await problems(files))
        .to.contain('cert.pem cannot be read')
        .and.contain('key.pem cannot be read');
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      make(files.OPENLOCK_TLS_KEY, 0o600, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
      make(files.OPENLOCK_TLS_CERT, 0o644, 'no certificate');
      expect(await problems(files)).to.contain('no certificate in PEM form');
      const made = await loadTls(config({ OPENLOCK_DATA_DIR: join(parent, 'other') }));
      make(files.OPENLOCK_TLS_CERT, 0o644, made.cert);
      expect(await problems(files)).to.contain('is not the key of the first certificate');
      make(files.OPENLOCK_TLS_KEY, 0o600, made.key);
      expect(await problems(files)).to.equal('');
    });

    it('a port that is taken, unless by our own relay, and an address that is none of ours', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      expect(await problems({ OPENLOCK_PORT: String(port) })).to.contain(`OPENLOCK_PORT: port ${port} is taken`);
      expect(await problems({ OPENLOCK_METRICS_PORT: String(port) })).to.contain('OPENLOCK_METRICS_PORT');
      expect(await problems({ OPENLOCK_PORT: String(port) }, [port])).to.equal('');
      server.close();
      expect(await problems({ OPENLOCK_HOST: '192.0.2.1' })).to.contain('OPENLOCK_HOST');
    });

    it('a store URL that cannot be read, and never repeats its password', async () => {
      const found = await problems({ OPENLOCK_REDIS_URL: 'redis://u:hunter2@host:99999' });
      expect(found).to.contain('OPENLOCK_REDIS_URL').and.not.contain('hunter2');
    });

    it('a data dir that is a file, or below one', async () => {
      make(dir, 0o600);
      expect(await problems())
        .to.contain('OPENLOCK_DATA_DIR')
        .and.contain('not a directory');
    });
  });
});
