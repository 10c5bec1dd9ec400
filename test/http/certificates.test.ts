import { spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { isIP, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';

import { expect } from 'chai';

import type { Clock } from '../../src/clock.js';
import { FakeClock } from '../support/fake-clock.js';
import { ConfigError } from '../../src/config.js';
import { CertificateKeeper } from '../../src/http/certificate-keeper.js';
import { makeServerCertificate } from '../../src/http/certificate-maker.js';
import { loadTls, type TlsConfig, type TlsMaterial } from '../../src/http/certificates.js';
import { chooseByName, contextsByName, TLS_SETTINGS } from '../../src/http/tls-settings.js';
import { writeOldAuthority } from './support/old-authority.js';

const DAY_MS = 86_400_000;

function clockAt(now: number): Clock {
  return new FakeClock(now);
}

/** Waits for what a timer set off. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the relay’s certificate', () => {
  /** Made once, since keys take long to make; most tests go on from a copy of it. */
  let madeDir: string;
  let dataDir: string;

  before(async () => {
    madeDir = mkdtempSync(join(tmpdir(), 'openlock-tls-'));
    await loadTls({ dataDir: madeDir, publicUrls: [], tlsCert: undefined, tlsKey: undefined, tlsKeyType: 'ecdsa' });
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
    tlsKeyType: 'ecdsa',
    ...more,
  });
  const path = (name: string): string => join(dataDir, 'tls', name);
  const file = (name: string): string => readFileSync(path(name), 'utf8');

  /** Connects as a client that trusts `ca` and nothing else; undefined: it was refused. */
  async function handshake(tls: TlsMaterial, host: string, ca = file('ca.pem')): Promise<TLSSocket | undefined> {
    const choose = chooseByName(() => contextsByName(tls));
    const server = createServer({ ...TLS_SETTINGS, cert: tls.cert, key: tls.key, SNICallback: choose }).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', servername: isIP(host) === 0 ? host : '', ca });
    try {
      await once(socket, 'secureConnect');
      return socket;
    } catch {
      return undefined;
    } finally {
      socket.destroy();
      server.close();
    }
  }

  function verifyWithOpenSsl(certificate: string, name: string, ca = path('ca.pem')): string {
    const args = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      isIP(name) === 0 ? '-verify_hostname' : '-verify_ip',
      name,
      '-CAfile',
      ca,
    ];
    const { stdout, stderr } = spawnSync('openssl', [...args, certificate], { encoding: 'utf8' });
    return stdout + stderr;
  }

  it('is from a local CA, and good for localhost and every public name', async () => {
    const publicUrls = [
      'https://relay.example',
      'https://xn--tr-eka.example:8443',
      'https://192.0.2.7',
      'https://[2001:db8::7]',
    ];
    const tls = await loadTls(config({ publicUrls }));
    const shared = new X509Certificate(tls.cert);
    expect(shared.checkHost('localhost')).to.equal('localhost');
    for (const address of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::7'])
      expect(shared.checkIP(address), address).not.to.equal(undefined);
    expect(shared.checkHost('elsewhere.example')).to.equal(undefined);
    expect(shared.ca).to.equal(false);
    expect([...tls.byName.keys()]).to.deep.equal(['relay.example', 'xn--tr-eka.example']);
    expect(tls.caPath).to.equal(path('ca.pem'));
    for (const host of ['localhost', '127.0.0.1', 'relay.example', 'xn--tr-eka.example'])
      expect(await handshake(tls, host), host).not.to.equal(undefined);
    expect(await handshake(tls, 'elsewhere.example')).to.equal(undefined);
  });

  it('passes the strict checks of OpenSSL, for its own names only', async () => {
    const publicUrls = ['https://relay.example'];
    await loadTls(config({ publicUrls }));
    expect(verifyWithOpenSsl(path('server.pem'), 'localhost')).to.include('OK');
    expect(verifyWithOpenSsl(path('server-relay.example.pem'), 'relay.example')).to.include('OK');
    expect(verifyWithOpenSsl(path('server.pem'), 'relay.example')).to.match(/hostname mismatch/i);
  });

  it('is of no use for other names to whoever steals the CA’s key', async () => {
    await loadTls(config({ publicUrls: ['https://relay.example'] }));
    const signer = { key: createPrivateKey(file('ca-key.pem')), certificate: file('ca.pem') };
    const key = createPrivateKey(file('server-key.pem'));
    const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
    for (const name of ['bank.example', '192.0.2.99']) {
      const forged = await makeServerCertificate(key, signer, [name], validity);
      writeFileSync(path('forged.pem'), forged);
      expect(verifyWithOpenSsl(path('forged.pem'), name), name).to.match(/permitted subtree violation/);
      const tls = { cert: forged, key: file('server-key.pem'), byName: new Map<string, string>() };
      expect(await handshake({ ...tls, expiresAt: 0, caPath: undefined, renewable: true }, name)).to.equal(undefined);
    }
  });

  it('is ECDSA P-256, or RSA where the settings say so', async () => {
    const typeOf = (pem: string): string | undefined => new X509Certificate(pem).publicKey.asymmetricKeyType;
    const ecdsa = await loadTls(config());
    expect([typeOf(ecdsa.cert), typeOf(file('ca.pem'))]).to.deep.equal(['ec', 'ec']);
    const rsa = await loadTls(config({ tlsKeyType: 'rsa' }));
    expect([typeOf(rsa.cert), typeOf(file('ca.pem'))]).to.deep.equal(['rsa', 'ec']);
    expect(await handshake(rsa, 'localhost')).not.to.equal(undefined);
    rmSync(join(dataDir, 'tls'), { recursive: true });
    const fresh = await loadTls(config({ tlsKeyType: 'rsa' }));
    expect([typeOf(fresh.cert), typeOf(file('ca.pem'))]).to.deep.equal(['rsa', 'rsa']);
    expect(verifyWithOpenSsl(path('server.pem'), 'localhost')).to.include('OK');
    expect(await handshake(fresh, 'localhost')).not.to.equal(undefined);
  });

  it('is ECDSA under an RSA authority of an earlier release, which stays as doors know it', async () => {
    rmSync(join(dataDir, 'tls'), { recursive: true });
    writeOldAuthority(dataDir);
    const ca = file('ca.pem');
    const tls = await loadTls(config({ publicUrls: ['https://relay.example'] }));
    expect(file('ca.pem')).to.equal(ca);
    expect(new X509Certificate(tls.cert).publicKey.asymmetricKeyType).to.equal('ec');
    for (const host of ['localhost', 'relay.example'])
      expect(await handshake(tls, host, ca), host).not.to.equal(undefined);
    expect(verifyWithOpenSsl(path('server.pem'), 'localhost')).to.include('OK');
  });

  it('is accepted by s_client, over 1.2 with forward secrecy and over 1.3, and over nothing weaker', async function () {
    this.timeout(30_000);
    const tls = await loadTls(config());
    const server = createServer({ ...TLS_SETTINGS, cert: tls.cert, key: tls.key }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const dial = async (...args: string[]): Promise<string> => {
      const port = String((server.address() as AddressInfo).port);
      const fixed = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-verify_return_error'];
      const child = spawn('openssl', [...fixed, '-CAfile', path('ca.pem'), ...args], {
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stdin.end();
      await once(child, 'close');
      return said;
    };
    try {
      expect(await dial('-tls1_3'))
        .to.match(/Verify return code: 0/)
        .and.match(/TLSv1\.3/);
      expect(await dial('-tls1_2'))
        .to.match(/Verify return code: 0/)
        .and.match(/Cipher is ECDHE-ECDSA-AES\d+-GCM/);
      for (const weak of [
        ['-tls1_2', '-cipher', 'AES128-GCM-SHA256:AES256-SHA'],
        ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA256'],
        ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'],
      ])
        expect(await dial(...weak), weak.join(' ')).to.match(/alert|no protocols available/);
    } finally {
      server.close();
    }
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
    expect(await handshake(tls, 'new.example')).not.to.equal(undefined);
    // The CA was constrained: it got a wider certificate, for the same key. Who has the old one keeps the old names.
    expect(file('ca.pem')).not.to.equal(ca);
    expect(new X509Certificate(file('ca.pem')).publicKey.equals(new X509Certificate(ca).publicKey)).to.equal(true);
    expect(await handshake(tls, 'localhost', ca)).not.to.equal(undefined);
    expect(await handshake(tls, 'new.example', ca)).to.equal(undefined);
    const wide = file('ca.pem');
    expect((await loadTls(config())).cert).to.equal(tls.cert);
    expect(file('ca.pem')).to.equal(wide);
  });

  it('is made anew in good time before it expires, and so is the CA, whose old certificate still vouches', async () => {
    const start = Date.now();
    const first = await loadTls(config(), clockAt(start));
    const ca = file('ca.pem');
    expect((await loadTls(config(), clockAt(start + 400 * DAY_MS))).cert).to.equal(first.cert);
    const second = await loadTls(config(), clockAt(start + 600 * DAY_MS));
    expect(second.cert).not.to.equal(first.cert);
    expect(file('ca.pem')).to.equal(ca);
    const late = await loadTls(config(), clockAt(start + 2600 * DAY_MS));
    expect(file('ca.pem')).not.to.equal(ca);
    for (const authority of [ca, file('ca.pem')].map((pem) => new X509Certificate(pem))) {
      const certificate = new X509Certificate(late.cert);
      expect(certificate.checkIssued(authority) && certificate.verify(authority.publicKey)).to.equal(true);
    }
  });

  it('is renewed by one where others share it, who take what is good, and make one where none is', async () => {
    const start = Date.now();
    const one = config({ renews: true });
    const other = config({ renews: false });
    const first = await loadTls(one, clockAt(start));
    const ca = file('ca.pem');
    expect((await loadTls(other, clockAt(start + 600 * DAY_MS))).cert).to.equal(first.cert);
    const second = await loadTls(one, clockAt(start + 600 * DAY_MS));
    expect(second.cert).not.to.equal(first.cert);
    expect((await loadTls(other, clockAt(start + 600 * DAY_MS))).cert).to.equal(second.cert);
    // The one that renews was not there for two years: no certificate is good any more.
    const third = await loadTls(other, clockAt(start + 2600 * DAY_MS));
    expect(third.cert).not.to.equal(second.cert);
    expect(file('ca.pem')).to.equal(ca);
    await loadTls(one, clockAt(start + 2600 * DAY_MS));
    expect(file('ca.pem')).not.to.equal(ca);
  });

  it('comes out the same for everybody when several start at once', async () => {
    rmSync(join(dataDir, 'tls'), { recursive: true });
    const all = await Promise.all(Array.from({ length: 3 }, () => loadTls(config())));
    expect(new Set(all.map(({ key }) => key)).size).to.equal(1);
    for (const tls of all) expect(await handshake(tls, 'localhost')).not.to.equal(undefined);
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

  describe('without the CA’s key', () => {
    const takeKey = (): void => rmSync(path('ca-key.pem'));

    it('serves on, says that it cannot be renewed, and makes no new CA', async () => {
      const first = await loadTls(config());
      const ca = file('ca.pem');
      takeKey();
      expect(await loadTls(config())).to.deep.equal({ ...first, renewable: false });
      // Also where it would be time for a new one.
      const late = await loadTls(config({ tlsKeyType: 'rsa' }), clockAt(Date.now() + 700 * DAY_MS));
      expect(late.cert).to.equal(first.cert);
      expect(file('ca.pem')).to.equal(ca);
      expect(readdirSync(join(dataDir, 'tls')).sort()).to.deep.equal(['ca.pem', 'server-key.pem', 'server.pem']);
    });

    it('stops the start with what to do when a certificate would have to be made', async () => {
      await loadTls(config());
      takeKey();
      const problem = async (more: Partial<TlsConfig>, now = Date.now()): Promise<string> =>
        String(await loadTls(config(more), clockAt(now)).catch((reason: unknown) => reason));
      expect(await problem({ publicUrls: ['https://new.example'] })).to.match(
        /ConfigError.*server-new\.example\.pem.*missing.*Bring it back as .*ca-key\.pem/,
      );
      expect(await problem({}, Date.now() + 826 * DAY_MS)).to.match(/ran out on/);
      rmSync(path('server-key.pem'));
      expect(await problem({})).to.match(/server-key\.pem is missing/);
    });
  });

  describe('while the relay runs', () => {
    const log = (): { lines: string[] } & Record<
      'debug' | 'info' | 'warn' | 'error',
      (f: object, m: string) => void
    > => {
      const lines: string[] = [];
      const note = (_fields: object, message: string): void => void lines.push(message);
      return { lines, debug: note, info: note, warn: note, error: note };
    };
    async function serve(config_: TlsConfig, clock = new FakeClock(Date.now())) {
      const said = log();
      const expiries: number[] = [];
      const keeper = await CertificateKeeper.load(config_, { clock, log: said, onExpiry: (at) => expiries.push(at) });
      const server = createServer({ ...TLS_SETTINGS, ...keeper.serverOptions }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      keeper.start(server);
      const shown = async (servername: string): Promise<string> => {
        const { port } = server.address() as AddressInfo;
        const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
        await once(socket, 'secureConnect');
        const found = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
        socket.destroy();
        return found;
      };
      return { keeper, server, clock, said, expiries, shown };
    }
    const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;

    it('is renewed without a restart, for every name, when it comes of age', async () => {
      const { keeper, server, clock, said, expiries, shown } = await serve(
        config({ publicUrls: ['https://relay.example'] }),
      );
      try {
        const before = [await shown('localhost'), await shown('relay.example')];
        expect(before[0]).not.to.equal(before[1]);
        await keeper.look(server);
        expect(said.lines).to.deep.equal([]);
        // The days pass at once; the timer that looks then is a new one, since the old would make up for every minute.
        keeper.stop();
        clock.time += 600 * DAY_MS;
        keeper.start(server);
        await clock.advance(60_000);
        await until(() => said.lines.length > 0);
        expect(said.lines).to.deep.equal(['a renewed certificate is in use']);
        const after = [await shown('localhost'), await shown('relay.example')];
        expect(after).to.deep.equal([fingerprint(file('server.pem')), fingerprint(file('server-relay.example.pem'))]);
        expect(after).not.to.include.members(before);
        expect(expiries).to.have.length(2);
        expect((expiries[1] ?? 0) - (expiries[0] ?? 0)).to.be.greaterThan(590 * DAY_MS);
      } finally {
        keeper.stop();
        server.close();
      }
      expect(clock.pending).to.equal(0);
    });

    it('follows configured files that change on disk, and keeps what it has while they do not fit', async () => {
      const one = await loadTls(config());
      const tlsCert = join(dataDir, 'cert.pem');
      const tlsKey = join(dataDir, 'key.pem');
      writeFileSync(tlsCert, one.cert);
      writeFileSync(tlsKey, one.key);
      const { keeper, server, said, shown } = await serve(config({ tlsCert, tlsKey }));
      try {
        rmSync(join(dataDir, 'tls'), { recursive: true });
        const two = await loadTls(config());
        writeFileSync(tlsCert, two.cert);
        await keeper.look(server);
        await keeper.look(server);
        expect(said.lines).to.deep.equal(['the certificate could not be renewed; the one in use stays']);
        expect(await shown('localhost')).to.equal(fingerprint(one.cert));
        writeFileSync(tlsKey, two.key);
        await keeper.look(server);
        expect(await shown('localhost')).to.equal(fingerprint(two.cert));
      } finally {
        keeper.stop();
        server.close();
      }
    });

    it('says at the start until when it serves without the CA’s key', async () => {
      await loadTls(config());
      rmSync(path('ca-key.pem'));
      const { keeper, server, said } = await serve(config());
      keeper.stop();
      server.close();
      expect(said.lines).to.have.length(1);
      expect(said.lines[0]).to.match(/key was taken away/);
    });
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
        byName: new Map(),
        expiresAt: Date.parse(new X509Certificate(own.cert).validTo),
        caPath: undefined,
        renewable: true,
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
