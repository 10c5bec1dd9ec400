import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { relayFetch, relayWebSocket } from '../../src/cli/support/relay-client.js';
import { OpenLock } from '../../src/client/index.js';
import { loadTls } from '../../src/http/certificates.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import { cli, testIo } from '../cli/support/cli.js';
import { until } from '../support/counting.js';
import { freePorts, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { loginTestSite, type TestSite } from '../support/site.js';
import { startNginx, type TestNginx } from './support/nginx.js';

const PASSWORD = 'correct horse battery';

/** Two relays with OPENLOCK_TLS=off behind a real nginx that runs deploy/nginx/openlock.conf. */
describe('behind nginx', function () {
  this.timeout(60_000);
  let dir: string;
  let redis: TestRedis;
  let relays: TestRelay[];
  let nginx: TestNginx;
  /** The fleet as the world sees it. */
  let front: TestRelay;
  let site: TestSite;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'openlock-front-'));
    redis = await startTestRedis();
    const [port = 0] = await freePorts(1);
    const url = `https://localhost:${port}`;
    const start = (node: string): Promise<TestRelay> =>
      startTestRelay(redis.url, {
        OPENLOCK_TLS: 'off',
        OPENLOCK_TRUST_PROXY: '1',
        OPENLOCK_PUBLIC_URL: url,
        OPENLOCK_DATA_DIR: join(dir, 'data'),
        OPENLOCK_NODE_ID: node,
      });
    const [one, other] = [await start('relay-a'), await start('relay-b')];
    relays = [one, other];
    const tls = {
      dataDir: dir,
      publicUrls: [url],
      tlsCert: undefined,
      tlsKey: undefined,
      tlsKeyType: 'ecdsa' as const,
    };
    await loadTls(tls);
    nginx = await startNginx({
      port,
      relayPorts: [one.port, other.port],
      certPath: join(dir, 'tls/server.pem'),
      keyPath: join(dir, 'tls/server-key.pem'),
    });
    const ca = readFileSync(join(dir, 'tls/ca.pem'), 'utf8');
    front = { app: one.app, port, url, ca, dataDir: join(dir, 'data'), stop: () => Promise.resolve() };
    site = await loginTestSite(front);
  });
  after(async () => {
    await site?.stop();
    await nginx?.stop();
    for (const relay of relays ?? []) await relay.stop();
    await redis?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function audit(): Promise<string> {
    const environment = { OPENLOCK_DATA_DIR: front.dataDir, OPENLOCK_REDIS_URL: redis.url };
    return (await cli(['audit', '--last', '1000', '--json'], testIo({ environment }))).stdout;
  }

  it('the file passes nginx -t without a warning', () => {
    expect(nginx.check)
      .to.match(/syntax is ok/)
      .and.match(/test is successful/)
      .and.not.match(/warn/);
  });

  it('a door, a client socket and commands cross it, whichever relay they meet', async () => {
    const admin = doorAdmin(await redis.link('openlock-cli'));
    const { enrolmentToken } = await admin.add('front-door');
    await admin.grant('front-door', site.siteId, { role: 'user' });
    const door = new SimulatedDoor({
      doorId: 'front-door',
      relayUrl: front.url,
      ca: front.ca,
      enrolmentToken,
      password: PASSWORD,
    });
    const sdk = new OpenLock({
      url: front.url,
      tokens: { accessToken: site.accessToken, refreshToken: site.refreshToken },
      fetch: relayFetch({ host: '127.0.0.1', port: front.port, tls: true, ca: [front.ca] }),
      WebSocket: relayWebSocket([front.ca]),
    });
    try {
      await door.start();
      const kinds: string[] = [];
      let connected = false;
      const stream = sdk.events(['front-door']);
      stream.on('connected', () => (connected = true));
      stream.on('event', ({ kind }) => kinds.push(kind));
      await until(() => connected);
      const mine = sdk.door('front-door', { kid: door.kid });
      // Round robin: both relays take commands, one of them holds the door.
      for (let turn = 0; turn < 4; turn += 1) {
        expect((await mine.unlock({ password: PASSWORD, holdMs: 0 })).receipt.code).to.equal('ok');
        expect((await mine.lock({ password: PASSWORD })).receipt.code).to.equal('ok');
      }
      await until(() => kinds.filter((kind) => kind === 'unlocked').length === 4);
      const nodes = [...(await audit()).matchAll(/"node":"(relay-[ab])","kind":"command_submitted"/g)];
      expect(new Set(nodes.map(([, node]) => node))).to.deep.equal(new Set(['relay-a', 'relay-b']));
      stream.close();
    } finally {
      sdk.close();
      await door.stop();
    }
  });

  it('the caller’s own address is what counts, whatever the caller says it is', async () => {
    await new Promise<void>((resolve, reject) => {
      const call = request(
        `${front.url}/v1/doors`,
        {
          ca: front.ca,
          localAddress: '127.0.0.7',
          family: 4,
          headers: { authorization: 'Bearer nonsense', 'x-forwarded-for': '203.0.113.99' },
        },
        (response) => response.resume().on('end', resolve),
      );
      call.on('error', reject);
      call.end();
    });
    // Refusals are written a moment later, folded.
    await until(async () => (await audit()).includes('"address":"127.0.0.7"'));
    expect(await audit()).to.not.include('203.0.113.99');
  });
});
