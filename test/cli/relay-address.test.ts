import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { callableRelay, publishRelay, runningRelay } from '../../src/cli/support/relay-address.js';
import { readConfig } from '../../src/config.js';
import { dataDir } from './support/cli.js';

describe('where the relays of a data dir listen', () => {
  const dir = dataDir();
  const config = readConfig(dir.environment);
  const sleepers = [1, 2].map(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
  after(() => {
    for (const sleeper of sleepers) sleeper.kill();
    dir.remove();
  });

  /** As another process would have left it. */
  function leave(pid: number | undefined, port: number, startedAt: number): void {
    mkdirSync(join(dir.path, 'relays'), { recursive: true });
    const address = { publicOrigin: `https://localhost:${port}`, host: 'localhost', port, tls: true, pid, startedAt };
    writeFileSync(join(dir.path, 'relays', `${pid}.json`), JSON.stringify(address));
  }
  const files = (): readonly string[] => readdirSync(join(dir.path, 'relays')).sort();

  it('is nowhere at first, and by the configuration then', () => {
    expect(runningRelay(dir.path)).to.equal(undefined);
    expect(callableRelay(config)).to.include({ host: 'localhost', port: 8443 });
  });

  it('is what the newest living one said; one that ends takes its own file only', async () => {
    const [older, newer] = sleepers;
    const dead = spawn('true');
    await once(dead, 'exit');
    leave(older?.pid, 1001, 1000);
    leave(newer?.pid, 1002, 2000);
    leave(dead.pid, 1003, 3000);
    expect(runningRelay(dir.path)?.port).to.equal(1002);
    const withdraw = publishRelay(config, { port: 1004, publicOrigins: ['https://relay.example'] });
    expect(runningRelay(dir.path)).to.include({ port: 1004, publicOrigin: 'https://relay.example', host: 'localhost' });
    // The dead one's is gone with the first relay that starts after it.
    expect(files()).to.have.members([older?.pid, newer?.pid, process.pid].map((pid) => `${pid}.json`));
    withdraw();
    expect(files()).to.have.members([older?.pid, newer?.pid].map((pid) => `${pid}.json`));
    expect(runningRelay(dir.path)?.port).to.equal(1002);
  });

  it('is not what an earlier process with the very id of this one left, as in a container', () => {
    leave(process.pid, 1005, Date.now() - process.uptime() * 1000 - 5000);
    expect(runningRelay(dir.path)?.port).to.equal(1002);
  });

  it('takes no notice of what it cannot read', () => {
    writeFileSync(join(dir.path, 'relays', `${sleepers[1]?.pid}.json`), '{"half":');
    expect(runningRelay(dir.path)?.port).to.equal(1001);
  });
});
