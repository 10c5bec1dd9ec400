import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { ConfigError } from '../../../src/config.js';
import type { RedisLink } from '../../../src/store/redis-link.js';
import { counts, countOnce, failureOf, until } from '../../support/counting.js';
import { PrivateRedisLab } from '../../support/private-redis-lab.js';

describe('the append-only file of a private redis-server', () => {
  let lab: PrivateRedisLab;

  beforeEach(() => {
    lab = new PrivateRedisLab();
  });

  afterEach(async () => {
    await lab.clean();
  });

  /** The part of the file that is appended to. */
  function appendedFile(): string {
    const dir = join(lab.dataDir, 'redis/appendonlydir');
    return join(dir, readdirSync(dir).find((name) => name.endsWith('.incr.aof')) ?? '');
  }

  /** Writes until the store says no; what was acknowledged. */
  async function writeUntilRefused(
    link: RedisLink,
  ): Promise<{ readonly acknowledged: readonly string[]; readonly error: unknown }> {
    const acknowledged: string[] = [];
    for (let index = 0; ; index += 1) {
      try {
        await link.run((client) => client.set(`ol:fill:${index}`, 'x'.repeat(4000)));
      } catch (error) {
        return { acknowledged, error };
      }
      acknowledged.push(`ol:fill:${index}`);
    }
  }

  async function expectAllThere(link: RedisLink, keys: readonly string[]): Promise<void> {
    for (const key of keys) expect(await link.run((client) => client.strlen(key)), key).to.equal(4000);
  }

  it('refuses while the disk is full, loses nothing it acknowledged, and works again when there is room', async function () {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', lab.dataDir], { stdio: 'ignore' });
    } catch {
      this.skip(); // only root may mount; the next test does without
    }
    lab.cleanups.push(() => Promise.resolve(void execFileSync('umount', ['-l', lab.dataDir])));
    const link = await lab.open(await lab.acquire());
    const filler = join(lab.dataDir, 'filler');
    writeFileSync(filler, Buffer.alloc(3_000_000));
    const { acknowledged, error } = await writeUntilRefused(link);
    expect(acknowledged).not.to.be.empty;
    expect(error).to.have.property('code', 'store_unavailable');
    // Still full: it comes up, and goes down again at the next write; nobody waits for long.
    for (let round = 0; round < 3; round += 1) {
      const { error: again, afterMs } = await failureOf(
        link.run((client) => client.set('ol:more', 'x'.repeat(100_000))),
      );
      expect(again).to.have.property('code', 'store_unavailable');
      expect(afterMs).to.be.lessThan(1000);
    }
    rmSync(filler);
    await until(
      () =>
        link
          .run((client) => client.set('ol:after', '1'))
          .then(
            () => true,
            () => false,
          ),
      10_000,
    );
    await expectAllThere(link, acknowledged);
    expect(lab.servers()).to.have.length(1);
  });

  it('loses nothing it acknowledged when it dies in the middle of a write', async function () {
    if (process.platform !== 'linux') this.skip(); // prlimit
    const link = await lab.open(await lab.acquire());
    const [pid = 0] = lab.servers();
    // The kernel ends a process that writes past its file size limit, after part of the write.
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=200001']);
    const { acknowledged, error } = await writeUntilRefused(link);
    expect(error).to.have.property('code', 'store_unavailable');
    expect(acknowledged.length).to.be.greaterThan(20);
    await until(
      () =>
        link
          .run((client) => client.set('ol:after', '1'))
          .then(
            () => true,
            () => false,
          ),
      10_000,
    );
    await expectAllThere(link, acknowledged);
  });

  it('starts with what was written before the last entry was cut off', async () => {
    const redis = await lab.acquire();
    const link = await lab.open(redis);
    await countOnce(link, 'whole');
    await link.close();
    await redis.release();
    writeFileSync(appendedFile(), '*3\r\n$3\r\nSET\r\n$4\r\nol:x\r\n$100\r\nhalf', { flag: 'a' });
    expect((await counts(await lab.open(await lab.acquire()))).get('whole')).to.equal(1);
  });

  it('says why when the append-only file is damaged, instead of starting empty', async () => {
    const redis = await lab.acquire();
    const link = await lab.open(redis);
    await countOnce(link, 'a');
    await link.close();
    await redis.release();
    const content = readFileSync(appendedFile());
    content.fill(0x58, 0, 30);
    writeFileSync(appendedFile(), content);
    const { error } = await failureOf(lab.acquire());
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).to.match(/Bad file format/);
  });
});
