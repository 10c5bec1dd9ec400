import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { expect } from 'chai';

import type { Clock } from '../../src/clock.js';
import { FakeClock } from '../support/fake-clock.js';
import { ConfigError } from '../../src/config.js';
import { loadTls, type TlsConfig, type TlsMaterial } from '../../src/http/certificates.js';

const DAY_MS = 86_400_000;

function clockAt(now: number): Clock {
  return new FakeClock(now);
}

describe('the relay’s certificate', () => {
  /** Made once, since keys take long to make; most tests go on from a copy of it. */
  let madeDir: string;
  let dataDir: string;

  before(async () => {
    madeDir = mkdtempSync(join(tmpdir(), 'openlock-tls-'));
    await loadTls({ dataDir: madeDir, publicUrls: [], tlsCert: undefined, tlsKey: undefined });
  });

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'openlock-tls-'));
    cpSync(madeDir, dataDir, { recursive: true });
  });

  afterEach(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });

  after(() => {
    rmSync(madeDir, { recursive: true, force: true });
  });

  const config = (more: Partial<TlsConfig> = {}): TlsConfig => ({
    dataDir,
    publicUrls: [],
    tlsCert: undefined,
    tlsKey: undefined,
    ...more,
  });
  const path = (name: string): string => join(dataDir, 'tls', name);
  const file = (name: string): string => readFileSync(path(name), 'utf8');

  /** Connects as a client that trusts the CA and nothing else. */
  async function handshake(tls: TlsMaterial, host: string): Promise<boolean> {
    const server = createServer({ cert: tls.cert, key: tls.key }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      servername: host === '127.0.0.1' ? '' : host,
      ca: file('ca.pem'),
    });
    try {
      await once(socket, 'secureConnect');
      return socket.authorized;
    } finally {
      socket.destroy();
      server.close();
    }
  }

  it('is from a local CA, and good for localhost and every public name', async () => {
    const tls = await loadTls(
      config({
        publicUrls: [
          'https://relay.example',
          'https://xn--tr-eka.example:8443',
          'https://192.0.2.7',
          'https://[2001:db8::7]:8443',
        ],
      }),
    );
    const certificate = new X509Certificate(tls.cert);
    for (const name of ['localhost', 'relay.example', 'xn--tr-eka.example'])
      expect(certificate.checkHost(name), name).to.equal(name);
    for (const address of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::7'])
      expect(certificate.checkIP(address), address).not.to.equal(undefined);
    expect(certificate.checkHost('elsewhere.example')).to.equal(undefined);
    expect(certificate.ca).to.equal(false);
    expect(tls.caPath).to.equal(path('ca.pem'));
    expect(await handshake(tls, 'relay.example')).to.equal(true);
    expect(await handshake(tls, '127.0.0.1')).to.equal(true);
  });

  it('passes the strict checks of OpenSSL', async function () {
    try {
      execFileSync('openssl', ['version'], { stdio: 'ignore' });
    } catch {
      this.skip();
    }
    await loadTls(config());
    const output = execFileSync(
      'openssl',
      [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        'localhost',
        '-CAfile',
        path('ca.pem'),
        path('server.pem'),
      ],
      { encoding: 'utf8' },
    );
    expect(output).to.include('OK');
  });

  it('keeps its keys to its owner and leaves no other file behind', async () => {
    await loadTls(config());
    expect(readdirSync(join(dataDir, 'tls')).sort()).to.deep.equal([
      'ca-key.pem',
      'ca.pem',
      'server-key.pem',
      'server.pem',
    ]);
    for (const name of ['ca-key.pem', 'server-key.pem'])
      expect(statSync(path(name)).mode & 0o777, name).to.equal(0o600);
  });

  it('stays the same from start to start', async () => {
    const first = await loadTls(config());
    const ca = file('ca.pem');
    expect(await loadTls(config())).to.deep.equal(first);
    expect(file('ca.pem')).to.equal(ca);
  });

  it('is made anew by the same CA when a name is added', async () => {
    await loadTls(config());
    const ca = file('ca.pem');
    const tls = await loadTls(config({ publicUrls: ['https://new.example'] }));
    expect(new X509Certificate(tls.cert).checkHost('new.example')).to.equal('new.example');
    expect(file('server.pem')).to.equal(tls.cert);
    expect(file('ca.pem')).to.equal(ca);
  });

  it('is made anew in good time before it expires, and so is the CA, whose old certificate still vouches', async () => {
    const start = Date.now();
    const first = await loadTls(config(), clockAt(start));
    const ca = file('ca.pem');
    expect((await loadTls(config(), clockAt(start + 400 * DAY_MS))).cert).to.equal(first.cert);
    const second = await loadTls(config(), clockAt(start + 500 * DAY_MS));
    expect(second.cert).not.to.equal(first.cert);
    expect(file('ca.pem')).to.equal(ca);
    const late = await loadTls(config(), clockAt(start + 2600 * DAY_MS));
    expect(file('ca.pem')).not.to.equal(ca);
    for (const authority of [ca, file('ca.pem')].map((pem) => new X509Certificate(pem))) {
      const certificate = new X509Certificate(late.cert);
      expect(certificate.checkIssued(authority) && certificate.verify(authority.publicKey)).to.equal(true);
    }
  });

  it('comes out the same for everybody when several start at once', async () => {
    rmSync(join(dataDir, 'tls'), { recursive: true });
    const all = await Promise.all(Array.from({ length: 3 }, () => loadTls(config())));
    expect(new Set(all.map(({ key }) => key)).size).to.equal(1);
    for (const tls of all) expect(await handshake(tls, 'localhost')).to.equal(true);
    expect(new X509Certificate(file('server.pem')).verify(new X509Certificate(file('ca.pem')).publicKey)).to.equal(
      true,
    );
  });

  it('is made anew when the file is damaged; a damaged key is not replaced silently', async () => {
    const { key } = await loadTls(config());
    writeFileSync(path('server.pem'), 'damaged');
    expect((await loadTls(config())).key).to.equal(key);
    writeFileSync(path('ca-key.pem'), '');
    const error: unknown = await loadTls(config()).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).to.match(/OPENLOCK_DATA_DIR.*ca-key\.pem/);
  });

  describe('from OPENLOCK_TLS_CERT and OPENLOCK_TLS_KEY', () => {
    const given = (name: string, content: string): string => {
      writeFileSync(join(dataDir, name), content);
      return join(dataDir, name);
    };
    const problemsOf = async (tlsCert: string, tlsKey: string, now = Date.now()): Promise<string> => {
      const error: unknown = await loadTls(config({ tlsCert, tlsKey }), clockAt(now)).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ConfigError);
      return (error as ConfigError).message;
    };

    it('is used as it is, chain and all', async () => {
      const own = await loadTls(config());
      const tlsCert = given('cert.pem', `${own.cert}${file('ca.pem')}`);
      const tlsKey = given('key.pem', own.key);
      expect(await loadTls(config({ tlsCert, tlsKey }))).to.deep.equal({
        cert: readFileSync(tlsCert, 'utf8'),
        key: own.key,
        caPath: undefined,
      });
    });

    it('is refused, naming the variable, when a file is missing, is something else, or does not fit', async () => {
      const own = await loadTls(config());
      const cert = given('cert.pem', own.cert);
      const key = given('key.pem', own.key);
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const otherKey = given('other.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
      const locked = given(
        'locked.pem',
        privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
      );
      const none = join(dataDir, 'none.pem');
      expect(await problemsOf(none, none)).to.match(/^OPENLOCK_TLS_CERT: .*ENOENT.*\nOPENLOCK_TLS_KEY: .*ENOENT/);
      expect(await problemsOf(key, key)).to.match(/^OPENLOCK_TLS_CERT: .*no certificate/);
      expect(await problemsOf(cert, cert)).to.match(/^OPENLOCK_TLS_KEY: .*no private key/);
      expect(await problemsOf(cert, locked)).to.match(/^OPENLOCK_TLS_KEY: .*encrypted/);
      expect(await problemsOf(cert, otherKey)).to.match(/^OPENLOCK_TLS_KEY: .*not the key of/);
      expect(await problemsOf(cert, key, Date.now() + 900 * DAY_MS)).to.match(/^OPENLOCK_TLS_CERT: .*expired on/);
      expect(await problemsOf(cert, key, Date.now() - 30 * DAY_MS)).to.match(/^OPENLOCK_TLS_CERT: .*not valid before/);
    });
  });
});
