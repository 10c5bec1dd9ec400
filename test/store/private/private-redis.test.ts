import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { systemClock } from '../../../src/clock.js';
import { ConfigError } from '../../../src/config.js';
import { lockCommand } from '../../../src/store/private/process.js';
import { preparePrivateRedis, writeSettings } from '../../../src/store/private/files.js';
import { RedisLink } from '../../../src/store/redis-link.js';
import { counts, countOnce, failureOf, until } from '../../support/counting.js';
import { PrivateRedisLab } from '../../support/private-redis-lab.js';
import { answers, killProcess } from '../../support/redis.js';

describe('PrivateRedis', () => {
  let lab: PrivateRedisLab;

  beforeEach(() => {
    lab = new PrivateRedisLab();
  });

  afterEach(async () => {
    await lab.clean();
  });

  /** A machine that has perl only. */
  const withoutFlock = (program: string): Promise<string> => Promise.resolve(program === 'flock' ? '' : program);

  /** Exit status of a command that must end by itself. */
  async function statusOf(command: readonly string[] | undefined): Promise<number | null> {
    const [program = '', ...rest] = command ?? [];
    const child = spawn(program, rest, { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  it('starts a server with an append-only file, usable at once, and stops it again', async () => {
    const redis = await lab.acquire();
    const link = await lab.open(redis);
    await countOnce(link, 'a');
    expect(lab.servers()).to.have.length(1);
    expect(existsSync(join(lab.dataDir, 'redis/appendonlydir'))).to.equal(true);
    await link.close();
    await redis.release();
    expect(lab.servers()).to.be.empty;
    expect(lab.messages).to.deep.equal(['private redis-server started', 'private redis-server stopped']);
    expect((await counts(await lab.open(await lab.acquire()))).get('a')).to.equal(1);
  });

  it('lets nobody else in: owner-only files, no port, a password, no default user', async () => {
    const redis = await lab.acquire();
    for (const name of ['password', 'openlock.conf', 'users.acl'])
      expect(statSync(join(lab.dataDir, 'redis', name)).mode & 0o777, name).to.equal(0o600);
    expect(statSync(join(lab.dataDir, 'redis')).mode & 0o777).to.equal(0o700);
    expect(statSync(join(lab.dataDir, 'redis/redis.sock')).mode & 0o077).to.equal(0);
    const password = readFileSync(join(lab.dataDir, 'redis/password'), 'utf8');
    expect(readFileSync(join(lab.dataDir, 'redis/users.acl'), 'utf8')).not.to.include(password);
    const bare = redis.url.replace(/\/\/[^@]+@/, '//');
    expect(
      (await failureOf(RedisLink.open({ clock: systemClock, url: bare, clientName: 'x', commandTimeoutMs: 800 })))
        .error,
    ).to.be.instanceOf(ConfigError);
    const link = await lab.open(redis);
    expect(String((await failureOf(link.run((client) => client.call('SHUTDOWN', 'NOSAVE')))).error)).to.match(/NOPERM/);
    expect(await link.run((client) => client.info('server'))).to.match(/tcp_port:0/);
  });

  it('starts one server for many who ask at once, in one process and in several', async () => {
    const [first, second, holder] = await Promise.all([lab.acquire(), lab.acquire(), lab.hold()]);
    expect(lab.servers()).to.have.length(1);
    await countOnce(await lab.open(first), 'a');
    await countOnce(await lab.open(second), 'a');
    await countOnce(await lab.open(holder), 'a');
    expect((await counts(await lab.open(first))).get('a')).to.equal(3);
  });

  it('is stopped by the last one to leave, not by the first', async () => {
    const holder = await lab.hold();
    const redis = await lab.acquire();
    const link = await lab.open(redis);
    const exited = once(holder.process, 'exit');
    holder.process.send('release');
    await exited;
    expect(lab.servers()).to.have.length(1);
    await countOnce(link, 'still here');
    await link.close();
    await redis.release();
    expect(lab.servers()).to.be.empty;
  });

  it('is stopped by one of those who leave at the same moment', async () => {
    const all = await Promise.all([lab.acquire(), lab.acquire(), lab.acquire(), lab.acquire()]);
    const links = await Promise.all(all.map((redis) => lab.open(redis)));
    await Promise.all(
      all.map(async (redis, index) => {
        await links[index]?.close();
        await redis.release();
      }),
    );
    await until(() => lab.servers().length === 0);
    expect(lab.messages.filter((message) => message.includes('stopped'))).to.have.length(1);
    expect(lab.messages.filter((message) => message.includes('could not'))).to.deep.equal([]);
  });

  it('survives the SIGKILL of its relay and is adopted by the next one', async () => {
    const holder = await lab.hold();
    const first = await lab.open(holder);
    await countOnce(first, 'a');
    await first.close();
    const [pid] = lab.servers();
    await killProcess(holder.process);
    expect(lab.servers()).to.deep.equal([pid]);
    const redis = await lab.acquire();
    expect(lab.messages).to.deep.equal(['private redis-server adopted']);
    expect(lab.servers()).to.deep.equal([pid]);
    expect((await counts(await lab.open(redis))).get('a')).to.equal(1);
  });

  it('is started again when it is killed, with everything that was acknowledged, and the links recover', async () => {
    const link = await lab.open(await lab.acquire());
    const started = (): number => lab.messages.filter((message) => message === 'private redis-server started').length;
    for (let round = 0; round < 3; round += 1) {
      await countOnce(link, `before ${round}`);
      const pid = lab.killServer();
      await until(() => !link.ready);
      // The links may be back before the keeper is: killed in between, the server would not be missed as "gone".
      await until(() => link.ready && started() === round + 2);
      expect(lab.servers()).not.to.include(pid);
    }
    expect([...(await counts(link)).values()]).to.deep.equal([1, 1, 1]);
    expect(lab.messages.filter((message) => message.includes('gone'))).to.have.length(3);
  });

  it('is started again by one that only adopted it', async () => {
    const holder = await lab.hold();
    const link = await lab.open(await lab.acquire());
    await killProcess(holder.process);
    lab.killServer();
    await until(() => !link.ready);
    await until(() => link.ready);
    expect(lab.servers()).to.have.length(1);
  });

  it('leaves nothing running when it is released while it is being started again', async () => {
    for (const delayMs of [0, 20, 60]) {
      const redis = await lab.acquire();
      lab.killServer();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await redis.release();
      expect(lab.servers()).to.be.empty;
    }
  });

  it('cannot be opened a second time, with flock and with perl', async () => {
    await lab.acquire();
    const files = preparePrivateRedis(lab.dataDir);
    const logged = readFileSync(files.logPath, 'utf8');
    expect(await statusOf(await lockCommand(files))).to.equal(75);
    expect(await statusOf(await lockCommand(files, withoutFlock))).to.equal(75);
    expect(readFileSync(files.logPath, 'utf8')).to.equal(logged);
    expect(await lockCommand(files, () => Promise.resolve(''))).to.equal(undefined);
  });

  it('is locked for flock when it was started with perl', async () => {
    const files = preparePrivateRedis(lab.dataDir);
    writeSettings(files);
    const [program = '', ...rest] = (await lockCommand(files, withoutFlock)) ?? [];
    const server = spawn(program, rest, { stdio: 'ignore' });
    lab.cleanups.push(() => killProcess(server));
    await until(() => answers(files.socketPath));
    expect(await statusOf(await lockCommand(files))).to.equal(75);
  });

  it('puts the socket elsewhere when the data dir is a long path', async () => {
    lab.dataDir = join(lab.dataDir, 'x'.repeat(120));
    mkdirSync(lab.dataDir);
    const redis = await lab.acquire();
    const path = decodeURIComponent(/@(.*)$/.exec(redis.url)?.[1] ?? '');
    expect(Buffer.byteLength(path)).to.be.lessThan(101);
    expect(statSync(join(path, '..')).mode & 0o777).to.equal(0o700);
    await countOnce(await lab.open(redis), 'a');
    lab.cleanups.unshift(() => Promise.resolve(rmSync(join(path, '..'), { recursive: true, force: true })));
  });

  it('is restarted with the settings of this version when an older one left it running', async () => {
    const holder = await lab.hold();
    await killProcess(holder.process);
    const [pid] = lab.servers();
    writeFileSync(join(lab.dataDir, 'redis/openlock.conf'), '# as an older version wrote it\n');
    const redis = await lab.acquire();
    expect(lab.servers()).to.have.length(1).and.not.to.include(pid);
    await countOnce(await lab.open(redis), 'a');
  });

  it('says what to install when there is no redis-server', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = lab.dataDir;
    try {
      const { error } = await failureOf(lab.acquire());
      expect(error).to.be.instanceOf(ConfigError);
      expect(String(error)).to.match(/redis-server is not installed.*OPENLOCK_REDIS_URL/);
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('names the variable when the data dir cannot be used', async () => {
    writeFileSync(join(lab.dataDir, 'redis'), 'a file');
    const { error } = await failureOf(lab.acquire());
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).to.match(/OPENLOCK_DATA_DIR/);
  });
});
