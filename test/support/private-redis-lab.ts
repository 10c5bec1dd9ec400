/** A data dir with its private redis-server, for tests that mistreat it: who runs in it, who holds it, and cleaning up. */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../../src/clock.js';
import { PrivateRedis } from '../../src/store/private/private-redis.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { until } from './counting.js';
import { killProcess } from './redis.js';

const HOLDER = fileURLToPath(new URL('private-redis-holder.ts', import.meta.url));

/** A process of its own that has acquired the server. */
export interface Holder {
  readonly process: ChildProcess;
  readonly url: string;
}

export class PrivateRedisLab {
  readonly #root = realpathSync(mkdtempSync(join(tmpdir(), 'openlock-data-')));
  dataDir = this.#root;
  /** What {@link PrivateRedis} logged in this process. */
  readonly messages: string[] = [];
  /** Run at the end, last first. */
  readonly cleanups: (() => Promise<unknown>)[] = [];
  readonly #log = {
    info: (_fields: object, message: string) => void this.messages.push(message),
    warn: (_fields: object, message: string) => void this.messages.push(message),
  };

  /** Process ids of the redis-servers of the data dir. */
  servers(): readonly number[] {
    const list = execFileSync('ps', ['-axo', 'pid=,args='], { encoding: 'utf8' });
    return list
      .split('\n')
      .filter((line) => /^\s*\d+ \S*redis-server\b/.test(line) && line.includes(this.#root))
      .map((line) => Number.parseInt(line, 10));
  }

  /** SIGKILL to the only server. */
  killServer(): number {
    const [pid, ...others] = this.servers();
    if (pid === undefined || others.length > 0) throw new Error('there should be one server');
    process.kill(pid, 'SIGKILL');
    return pid;
  }

  async acquire(): Promise<PrivateRedis> {
    const redis = await PrivateRedis.acquire(this.dataDir, this.#log, systemClock);
    this.cleanups.push(() => redis.release());
    return redis;
  }

  async open(redis: { readonly url: string }): Promise<RedisLink> {
    const link = await RedisLink.open({
      clock: systemClock,
      url: redis.url,
      clientName: 'openlock-relay-test',
      commandTimeoutMs: 800,
    });
    this.cleanups.push(() => link.close());
    return link;
  }

  /** Lets another process acquire the server. */
  async hold(): Promise<Holder> {
    const child = fork(HOLDER, [this.dataDir], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.cleanups.push(() => killProcess(child));
    const [message] = (await once(child, 'message')) as [{ url: string }];
    return { process: child, url: message.url };
  }

  async clean(): Promise<void> {
    for (const cleanup of this.cleanups.reverse()) await cleanup();
    for (const pid of this.servers()) process.kill(pid, 'SIGKILL');
    await until(() => this.servers().length === 0);
    rmSync(this.#root, { recursive: true, force: true });
  }
}
