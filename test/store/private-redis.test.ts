import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { ConfigError } from '../../src/config.js';
import { PrivateRedis } from '../../src/store/private-redis.js';
import { lockCommand } from '../../src/store/private-redis-process.js';
import { preparePrivateRedis, writeSettings } from '../../src/store/private-redis-files.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { counts, countOnce, failureOf, until } from '../support/counting.js';
import { answers } from '../support/redis.js';

const HOLDER = fileURLToPath(new URL('../support/private-redis-holder.ts', import.meta.url));

interface Holder {
  readonly process: ChildProcess;
  readonly url: string;
  readonly messages: readonly string[];
}

describe('PrivateRedis', () => {
  let dataDir: string;
  let messages: string[];
  const log = { info: (_fields: object, message: string) => void messages.push(message), warn: (_fields: object, message: string) => void messages.push(message) };
  /** Let go of at the end, last first. */
  let cleanups: (() => Promise<void>)[];

  beforeEach(() => {
    dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'openlock-data-')));
    messages = [];
    cleanups = [];
  });

  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    for (const pid of servers()) process.kill(pid, 'SIGKILL');
    await until(() => servers().length === 0);
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Process ids of the redis-servers of the data dir. */
  function servers(): readonly number[] {
    const list = execFileSync('ps', ['-axo', 'pid=,args='], { encoding: 'utf8' });
    return list
      .split('\n')
      .filter((line) => /^\s*\d+ \S*redis-server\b/.test(line) && line.includes(dataDir))
      .map((line) => Number.parseInt(line, 10));
  }

  async function acquire(): Promise<PrivateRedis> {
    const redis = await PrivateRedis.acquire(dataDir, log);
    cleanups.push(() => redis.release());
    return redis;
  }

  async function open(redis: { readonly url: string }, name = 'openlock-relay-test'): Promise<RedisLink> {
    const link = await RedisLink.open({ url: redis.url, clientName: name, commandTimeoutMs: 800 });
    cleanups.push(() => link.close());
    return link;
  }

  async function hold(): Promise<Holder> {
    const child = fork(HOLDER, [dataDir], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    cleanups.push(() => kill(child));
    const [message] = (await once(child, 'message')) as [{ url: string; messages: string[] }];
    return { process: child, ...message };
  }

  /** A machine that has perl only. */
  const withoutFlock = (program: string): Promise<string> => Promise.resolve(program === 'flock' ? '' : program);

  /** Exit status of a command that must end by itself. */
  async function statusOf(command: readonly string[] | undefined): Promise<number | null> {
    const [program = '', ...rest] = command ?? [];
    const child = spawn(program, rest, { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  it('starts a server with an append-only file, usable at once, and stops it again', async () => {
    const redis = await acquire();
    const link = await open(redis);
    await countOnce(link, 'a');
    expect(servers()).to.have.length(1);
    expect(existsSync(join(dataDir, 'redis/appendonlydir'))).to.equal(true);
    await link.close();
    await redis.release();
    expect(servers()).to.be.empty;
    expect(messages).to.deep.equal(['private redis-server started', 'private redis-server stopped']);
    expect((await counts(await open(await acquire()))).get('a')).to.equal(1);
  });

  it('lets nobody else in: owner-only files, no port, a password, no default user', async () => {
    const redis = await acquire();
    for (const name of ['password', 'openlock.conf', 'users.acl']) expect(statSync(join(dataDir, 'redis', name)).mode & 0o777, name).to.equal(0o600);
    expect(statSync(join(dataDir, 'redis')).mode & 0o777).to.equal(0o700);
    expect(statSync(join(dataDir, 'redis/redis.sock')).mode & 0o077).to.equal(0);
    const password = readFileSync(join(dataDir, 'redis/password'), 'utf8');
    expect(readFileSync(join(dataDir, 'redis/users.acl'), 'utf8')).not.to.include(password);
    const bare = redis.url.replace(/\/\/[^@]+@/, '//');
    expect((await failureOf(RedisLink.open({ url: bare, clientName: 'x', commandTimeoutMs: 800 }))).error).to.be.instanceOf(ConfigError);
    const link = await open(redis);
    expect(String((await failureOf(link.run((client) => client.call('SHUTDOWN', 'NOSAVE')))).error)).to.match(/NOPERM/);
    expect(await link.run((client) => client.info('server'))).to.match(/tcp_port:0/);
  });

  it('starts one server for many who ask at once, in one process and in several', async () => {
    const [first, second, holder] = await Promise.all([acquire(), acquire(), hold()]);
    expect(servers()).to.have.length(1);
    await countOnce(await open(first), 'a');
    await countOnce(await open(second), 'a');
    await countOnce(await open(holder), 'a');
    expect((await counts(await open(first))).get('a')).to.equal(3);
  });

  it('is stopped by the last one to leave, not by the first', async () => {
    const holder = await hold();
    const redis = await acquire();
    const link = await open(redis);
    const exited = once(holder.process, 'exit');
    holder.process.send('release');
    await exited;
    expect(servers()).to.have.length(1);
    await countOnce(link, 'still here');
    await link.close();
    await redis.release();
    expect(servers()).to.be.empty;
  });

  it('survives the SIGKILL of its relay and is adopted by the next one', async () => {
    const holder = await hold();
    const first = await open(holder);
    await countOnce(first, 'a');
    await first.close();
    const [pid] = servers();
    await kill(holder.process);
    expect(servers()).to.deep.equal([pid]);
    const redis = await acquire();
    expect(messages).to.deep.equal(['private redis-server adopted']);
    expect(servers()).to.deep.equal([pid]);
    expect((await counts(await open(redis))).get('a')).to.equal(1);
  });

  it('is started again when it is killed, with everything that was acknowledged, and the links recover', async () => {
    const link = await open(await acquire());
    for (let round = 0; round < 3; round += 1) {
      await countOnce(link, `before ${round}`);
      const [pid = 0] = servers();
      process.kill(pid, 'SIGKILL');
      await until(() => !link.ready);
      await until(() => link.ready);
      expect(servers()).not.to.include(pid);
    }
    expect([...(await counts(link)).values()]).to.deep.equal([1, 1, 1]);
    expect(messages.filter((message) => message.includes('gone'))).to.have.length(3);
  });

  it('is started again by one that only adopted it', async () => {
    const holder = await hold();
    const link = await open(await acquire());
    await kill(holder.process);
    const [pid = 0] = servers();
    process.kill(pid, 'SIGKILL');
    await until(() => !link.ready);
    await until(() => link.ready);
    expect(servers()).to.have.length(1);
  });

  it('leaves nothing running when it is released while it is being started again', async () => {
    for (const delayMs of [0, 20, 60]) {
      const redis = await acquire();
      const [pid = 0] = servers();
      process.kill(pid, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await redis.release();
      expect(servers()).to.be.empty;
    }
  });

  it('cannot be opened a second time, with flock and with perl', async () => {
    await acquire();
    const files = preparePrivateRedis(dataDir);
    const logged = readFileSync(files.logPath, 'utf8');
    expect(await statusOf(await lockCommand(files))).to.equal(75);
    expect(await statusOf(await lockCommand(files, withoutFlock))).to.equal(75);
    expect(readFileSync(files.logPath, 'utf8')).to.equal(logged);
    expect(await lockCommand(files, () => Promise.resolve(''))).to.equal(undefined);
  });

  it('is locked for flock when it was started with perl', async () => {
    const files = preparePrivateRedis(dataDir);
    writeSettings(files);
    const [program = '', ...rest] = (await lockCommand(files, withoutFlock)) ?? [];
    const server = spawn(program, rest, { stdio: 'ignore' });
    cleanups.push(() => kill(server));
    await until(() => answers(files.socketPath));
    expect(await statusOf(await lockCommand(files))).to.equal(75);
  });

  it('starts with what was written before the last entry was cut off', async () => {
    const redis = await acquire();
    const link = await open(redis);
    await countOnce(link, 'whole');
    await link.close();
    await redis.release();
    const dir = join(dataDir, 'redis/appendonlydir');
    const file = readdirSync(dir).find((name) => name.endsWith('.incr.aof')) ?? '';
    writeFileSync(join(dir, file), '*3\r\n$3\r\nSET\r\n$4\r\nol:x\r\n$100\r\nhalf', { flag: 'a' });
    expect((await counts(await open(await acquire()))).get('whole')).to.equal(1);
  });

  /** Writes until the store says no; what was acknowledged. */
  async function writeUntilRefused(link: RedisLink): Promise<{ readonly acknowledged: readonly string[]; readonly error: unknown }> {
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
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dataDir], { stdio: 'ignore' });
    } catch {
      this.skip(); // only root may mount; the next test does without
    }
    cleanups.push(() => Promise.resolve(void execFileSync('umount', ['-l', dataDir])));
    const link = await open(await acquire());
    const filler = join(dataDir, 'filler');
    writeFileSync(filler, Buffer.alloc(3_000_000));
    const { acknowledged, error } = await writeUntilRefused(link);
    expect(acknowledged).not.to.be.empty;
    expect(error).to.have.property('code', 'store_unavailable');
    // Still full: it comes up, and goes down again at the next write; nobody waits for long.
    for (let round = 0; round < 3; round += 1) {
      const { error: again, afterMs } = await failureOf(link.run((client) => client.set('ol:more', 'x'.repeat(100_000))));
      expect(again).to.have.property('code', 'store_unavailable');
      expect(afterMs).to.be.lessThan(1000);
    }
    rmSync(filler);
    await until(() => link.run((client) => client.set('ol:after', '1')).then(() => true, () => false), 10_000);
    await expectAllThere(link, acknowledged);
    expect(servers()).to.have.length(1);
  });

  it('loses nothing it acknowledged when it dies in the middle of a write', async function () {
    if (process.platform !== 'linux') this.skip(); // prlimit
    const link = await open(await acquire());
    const [pid = 0] = servers();
    // The kernel ends a process that writes past its file size limit, after part of the write.
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=200001']);
    const { acknowledged, error } = await writeUntilRefused(link);
    expect(error).to.have.property('code', 'store_unavailable');
    expect(acknowledged.length).to.be.greaterThan(20);
    await until(() => link.run((client) => client.set('ol:after', '1')).then(() => true, () => false), 10_000);
    await expectAllThere(link, acknowledged);
  });

  it('says why when the append-only file is damaged, instead of starting empty', async () => {
    const redis = await acquire();
    const link = await open(redis);
    await countOnce(link, 'a');
    await link.close();
    await redis.release();
    const dir = join(dataDir, 'redis/appendonlydir');
    const file = readdirSync(dir).find((name) => name.endsWith('.incr.aof')) ?? '';
    const content = readFileSync(join(dir, file));
    content.fill(0x58, 0, 30);
    writeFileSync(join(dir, file), content);
    const { error } = await failureOf(acquire());
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).to.match(/Bad file format/);
  });

  it('puts the socket elsewhere when the data dir is a long path', async () => {
    dataDir = join(dataDir, 'x'.repeat(120));
    mkdirSync(dataDir);
    const redis = await acquire();
    const path = decodeURIComponent(/@(.*)$/.exec(redis.url)?.[1] ?? '');
    expect(Buffer.byteLength(path)).to.be.lessThan(101);
    expect(statSync(join(path, '..')).mode & 0o777).to.equal(0o700);
    await countOnce(await open(redis), 'a');
    cleanups.unshift(() => Promise.resolve(rmSync(join(path, '..'), { recursive: true, force: true })));
  });

  it('is restarted with the settings of this version when an older one left it running', async () => {
    const holder = await hold();
    await kill(holder.process);
    const [pid] = servers();
    writeFileSync(join(dataDir, 'redis/openlock.conf'), '# as an older version wrote it\n');
    const redis = await acquire();
    expect(servers()).to.have.length(1).and.not.to.include(pid);
    await countOnce(await open(redis), 'a');
  });

  it('names the variable when the data dir cannot be used', async () => {
    writeFileSync(join(dataDir, 'redis'), 'a file');
    const { error } = await failureOf(acquire());
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).to.match(/OPENLOCK_DATA_DIR/);
  });
});
