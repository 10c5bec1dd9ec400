import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';

import { expect } from 'chai';

import { createApp, type App } from '../../src/app/app.js';
import { systemClock, type Clock } from '../../src/clock.js';
import { readConfig } from '../../src/config.js';
import { loadTls } from '../../src/http/certificates.js';
import { until } from '../support/counting.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const MINUTE_MS = 60_000;

describe('a running relay whose certificate files are replaced', function () {
  this.timeout(30_000);
  let redis: TestRedis;
  let app: App;
  let port: number;
  let metricsUrl: string;
  const dir = mkdtempSync(join(tmpdir(), 'openlock-renewal-'));
  /** What the relay does every minute. */
  const everyMinute: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    every: (ms, work) => {
      if (ms === MINUTE_MS) everyMinute.push(work);
      return systemClock.every(ms, work);
    },
  };

  /** A new certificate for localhost, where the relay is told to look for one. */
  async function replaceFiles(): Promise<string> {
    const made = mkdtempSync(join(dir, 'made-'));
    await loadTls({ dataDir: made, publicUrls: [], tlsCert: undefined, tlsKey: undefined, tlsKeyType: 'ecdsa' });
    copyFileSync(join(made, 'tls/server.pem'), join(dir, 'cert.pem'));
    copyFileSync(join(made, 'tls/server-key.pem'), join(dir, 'key.pem'));
    return new X509Certificate(readFileSync(join(dir, 'cert.pem'))).fingerprint256;
  }

  async function dial(): Promise<TLSSocket> {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }
  async function shown(): Promise<string | undefined> {
    const socket = await dial();
    const { fingerprint256 } = socket.getPeerX509Certificate() ?? {};
    socket.destroy();
    return fingerprint256;
  }

  before(async () => {
    redis = await startTestRedis();
  });
  after(async () => {
    await app?.stop();
    await redis?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('shows the new one within a minute, and keeps the connections it has', async () => {
    const first = await replaceFiles();
    const config = readConfig({
      OPENLOCK_HOST: '127.0.0.1',
      OPENLOCK_PORT: '0',
      OPENLOCK_METRICS_PORT: '0',
      OPENLOCK_DATA_DIR: join(dir, 'data'),
      OPENLOCK_REDIS_URL: redis.url,
      OPENLOCK_LOG_LEVEL: 'silent',
      OPENLOCK_TLS_CERT: join(dir, 'cert.pem'),
      OPENLOCK_TLS_KEY: join(dir, 'key.pem'),
    });
    app = createApp(config, { clock });
    const urls = await app.start();
    port = urls.port;
    metricsUrl = urls.metricsUrl ?? '';
    expect(await shown()).to.equal(first);
    const kept = await dial();
    const second = await replaceFiles();
    expect(await shown()).to.equal(first);
    for (const work of everyMinute) work();
    await until(async () => (await shown()) === second);
    kept.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(kept, 'data')) as [Buffer];
    expect(answer.toString()).to.match(/^HTTP\/1\.1 200/);
    kept.destroy();
  });

  it('tells Prometheus when it runs out', async () => {
    const text = await (await fetch(metricsUrl)).text();
    const seconds = Number(/^openlock_tls_certificate_expiry_timestamp_seconds (\S+)$/m.exec(text)?.[1]);
    const certificate = new X509Certificate(readFileSync(join(dir, 'cert.pem')));
    expect(seconds).to.equal(Date.parse(certificate.validTo) / 1000);
  });
});
