import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { startCli } from '../../cli/support/cli.js';
import { until } from '../../support/counting.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';
import { liveRelays, RelayHost } from './support/host.js';

describe('the end of a relay of several processes', function () {
  this.timeout(120_000);
  let redis: TestRedis;
  let host: RelayHost | undefined;

  before(async () => {
    redis = await startTestRedis();
  });

  afterEach(async () => {
    await host?.relay.dispose();
    host = undefined;
  });

  after(() => redis.stop());

  it('the parent is killed: the others notice, stop in order, and give up their leases', async () => {
    host = await RelayHost.start(2, { OPENLOCK_REDIS_URL: redis.url });
    const pids = host.processes();
    expect(pids).to.have.length(2);
    await until(async () => (await liveRelays(redis)).length === 2);
    await host.relay.kill();
    await RelayHost.gone(pids, 5_000);
    expect(await liveRelays(redis)).to.deep.equal([]);
  });

  it('a second signal ends all at once, also one that is stuck', async () => {
    host = await RelayHost.start(2, { OPENLOCK_REDIS_URL: redis.url });
    const pids = host.processes();
    const { child } = host.relay;
    const exited = once(child, 'exit');
    process.kill(pids[0] ?? 0, 'SIGSTOP');
    child.kill('SIGTERM');
    // Longer than what counts as the same key pressed once.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(child.exitCode).to.equal(null);
    child.kill('SIGTERM');
    await exited;
    expect(child.exitCode).to.equal(1);
    await RelayHost.gone(pids, 1_000);
  });

  it('a process that is told to end by itself does, and another takes its place', async () => {
    host = await RelayHost.start(2, { OPENLOCK_REDIS_URL: redis.url });
    const [first = 0] = host.processes();
    process.kill(first, 'SIGTERM');
    await RelayHost.gone([first]);
    await until(() => host?.processes().length === 2, 20_000);
    expect(host.processes()).not.to.include(first);
  });

  it('the private redis-server is one for all, and stops with the last of them', async () => {
    host = await RelayHost.start(3, {});
    const pids = host.processes();
    expect(readdirSync(join(host.relay.dataDir, 'relays'))).to.deep.equal([`${host.relay.child.pid ?? 0}.json`]);
    const socket = join(host.relay.dataDir, 'redis', 'redis.sock');
    expect(readdirSync(join(host.relay.dataDir, 'redis'))).to.include('redis.sock');
    expect(await host.relay.terminate()).to.equal(0);
    await RelayHost.gone(pids, 0);
    expect(readdirSync(join(host.relay.dataDir, 'relays'))).to.deep.equal([]);
    await until(() => !readdirSync(join(socket, '..')).includes('redis.sock'));
  });

  describe('that cannot start', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'openlock-processes-'));
    after(() => rmSync(dataDir, { recursive: true, force: true }));

    async function refused(
      environment: Readonly<Record<string, string>>,
    ): Promise<{ readonly code: string; readonly said: number }> {
      const { code, stdout, stderr } = await startCli(['serve', '--processes', '3', '--json'], {
        ...{ OPENLOCK_DATA_DIR: dataDir, OPENLOCK_HOST: '127.0.0.1', OPENLOCK_PORT: '0' },
        ...{ OPENLOCK_REDIS_URL: redis.url, OPENLOCK_LOG_LEVEL: 'silent' },
        ...environment,
      }).done;
      expect(code).to.equal(1);
      return {
        code: (JSON.parse(stdout) as { error: { code: string } }).error.code,
        said: [...stderr.matchAll(/^error: /gm)].length,
      };
    }

    it('says once why, as one process would, and leaves nothing running', async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const port = String((taken.address() as AddressInfo).port);
      expect(await refused({ OPENLOCK_PORT: port })).to.deep.equal({ code: 'port_in_use', said: 1 });
      expect(await refused({ OPENLOCK_METRICS_PORT: port })).to.deep.equal({ code: 'port_in_use', said: 1 });
      taken.close();
      const nowhere = { OPENLOCK_REDIS_URL: 'redis://127.0.0.1:1' };
      expect(await refused(nowhere)).to.deep.equal({ code: 'store_unavailable', said: 1 });
      expect(await refused({ OPENLOCK_TLS: 'perhaps' })).to.deep.equal({ code: 'invalid_config', said: 1 });
      expect(await liveRelays(redis)).to.deep.equal([]);
      expect(readdirSync(dataDir)).not.to.include('relays');
    });
  });
});
