import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { loadTls } from '../../src/http/certificates.js';
import { cli, dataDir, testIo, type Outcome } from './support/cli.js';

describe('openlock ca', () => {
  const dir = dataDir();
  after(() => dir.remove());
  const file = (name: string): string => join(dir.path, 'tls', name);
  const start = () =>
    loadTls({ dataDir: dir.path, publicUrls: [], tlsCert: undefined, tlsKey: undefined, tlsKeyType: 'ecdsa' });
  const openlock = (...args: string[]): Promise<Outcome> =>
    cli(['ca', ...args], testIo({ environment: dir.environment }));

  it('shows nothing before there is an authority, and says who makes it', async () => {
    const { code, stderr } = await openlock('show');
    expect(code).to.equal(1);
    expect(stderr).to.match(/openlock serve makes one/);
  });

  it('shows what the authority is, as OpenSSL sees it', async () => {
    await start();
    const { stdout } = await openlock('show', '--json');
    const view = JSON.parse(stdout) as Record<string, unknown>;
    expect(view).to.include({ path: file('ca.pem'), keyType: 'ECDSA P-256', keyIsHere: true });
    expect(view['names']).to.deep.equal(['localhost', '127.0.0.1', '::1']);
    const fingerprint = execFileSync('openssl', ['x509', '-in', file('ca.pem'), '-noout', '-fingerprint', '-sha256']);
    expect(fingerprint.toString()).to.include(String(view['fingerprint']));
    expect((await openlock('show')).stdout).to.match(/signs for +localhost 127\.0\.0\.1 ::1/);
  });

  it('moves the key, after which a relay goes on serving, and takes it back', async () => {
    const before = await start();
    const key = readFileSync(file('ca-key.pem'), 'utf8');
    const away = join(dir.path, 'stick', 'key.pem');
    const { code, stdout } = await openlock('take-key', '--to', away);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/no longer here/)
      .and.match(/until \d{4}-\d\d-\d\d/);
    expect(existsSync(file('ca-key.pem'))).to.equal(false);
    expect(readFileSync(away, 'utf8')).to.equal(key);
    expect(statSync(away).mode & 0o777).to.equal(0o600);
    expect(await start()).to.deep.equal({ ...before, renewable: false });
    expect((await openlock('show')).stdout).to.match(/taken away/);
    renameSync(away, file('ca-key.pem'));
    expect(await start()).to.deep.equal(before);
  });

  it('does not take a key that is not there, nor write over a file', async () => {
    const taken = join(dir.path, 'taken');
    expect((await openlock('take-key', '--to', file('ca.pem'))).stderr).to.match(/exists; nothing was changed/);
    expect(existsSync(file('ca-key.pem'))).to.equal(true);
    expect((await openlock('take-key', '--to', taken)).code).to.equal(0);
    expect((await openlock('take-key', '--to', join(dir.path, 'again'))).stderr).to.match(/not here/);
  });
});
