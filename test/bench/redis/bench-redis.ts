/** A redis-server of the benchmark's own: the settings and users OpenLock ships, and counters of what it did. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Redis } from 'ioredis';

import { unixSocketUrl } from '../../../src/store/redis-url.js';
import { answers, killProcess, PASSWORD, testUsers } from '../../support/redis.js';
import { endsWithUs, goesWithUs, remove } from '../processes/leftovers.js';

export type Fsync = 'always' | 'everysec' | 'off';

/** What a server has done so far. */
export interface RedisCounts {
  readonly cpuMicros: number;
  /** Calls of functions: what relays ask for. */
  readonly functionCalls: number;
  /** All commands, those inside functions included. */
  readonly commands: number;
  readonly appendOnlyBytes: number;
  /** fsync and fdatasync calls; `undefined` without a C compiler to make the counter with. */
  readonly fsyncs: number | undefined;
  /** Write system calls (Linux), to sockets and to files. */
  readonly writes: number | undefined;
}

const SETTINGS = fileURLToPath(new URL('../../../redis/openlock.conf', import.meta.url));
const COUNTER = fileURLToPath(new URL('./fsync-counter.c', import.meta.url));
const START_MS = 10_000;

export class BenchRedis {
  /** As the relay's own user. */
  readonly url: string;
  /** For a client of ioredis, as a user who may do everything. */
  readonly admin: { readonly path: string; readonly username: string; readonly password: string };
  readonly #dir: string;
  readonly #socketDir: string;
  readonly #admin: Redis;
  readonly #process: ChildProcess;

  private constructor(dir: string, socketDir: string, child: ChildProcess) {
    const path = join(socketDir, 'redis.sock');
    this.url = unixSocketUrl(path, 'openlock', PASSWORD);
    this.admin = { path, username: 'admin', password: PASSWORD };
    this.#dir = dir;
    this.#socketDir = socketDir;
    this.#process = child;
    this.#admin = new Redis(this.admin);
    this.#admin.on('error', () => undefined);
  }

  /** `dir` must be on the disk that is to be measured. `off`: no append-only file at all. */
  static async start(dir: string, fsync: Fsync): Promise<BenchRedis> {
    mkdirSync(dir, { recursive: true });
    // The data is where the benchmark was told to be; the socket's path must be short.
    const socketDir = mkdtempSync(join(tmpdir(), 'openlock-bench-'));
    goesWithUs(socketDir);
    const socket = join(socketDir, 'redis.sock');
    writeFileSync(join(dir, 'users.acl'), testUsers());
    writeFileSync(join(dir, 'fsyncs'), Buffer.alloc(8));
    const own = [
      '--port',
      '0',
      '--unixsocket',
      socket,
      '--dir',
      dir,
      '--aclfile',
      join(dir, 'users.acl'),
      '--maxclients',
      '1000',
    ];
    const durability = fsync === 'off' ? ['--appendonly', 'no'] : ['--appendfsync', fsync];
    const library = compiledCounter(join(dir, '..'));
    const counting = library === undefined ? {} : { LD_PRELOAD: library, BENCH_FSYNC_COUNT: join(dir, 'fsyncs') };
    const child = spawn('redis-server', [SETTINGS, ...own, ...durability], {
      env: { ...process.env, ...counting },
      stdio: 'ignore',
    });
    endsWithUs(child);
    await untilUp(child, socket);
    return new BenchRedis(dir, socketDir, child);
  }

  async counts(): Promise<RedisCounts> {
    const [cpu, calls, stats, persistence] = await Promise.all([
      this.#admin.info('cpu'),
      this.#admin.info('commandstats'),
      this.#admin.info('stats'),
      this.#admin.info('persistence'),
    ]);
    const seconds = numberIn(cpu, /^used_cpu_sys:([\d.]+)/m) + numberIn(cpu, /^used_cpu_user:([\d.]+)/m);
    return {
      cpuMicros: seconds * 1e6,
      functionCalls: numberIn(calls, /^cmdstat_fcall:calls=(\d+)/m),
      commands: numberIn(stats, /^total_commands_processed:(\d+)/m),
      appendOnlyBytes: numberIn(persistence, /^aof_current_size:(\d+)/m),
      fsyncs:
        counterPath === undefined ? undefined : Number(readFileSync(join(this.#dir, 'fsyncs')).readBigUInt64LE(0)),
      writes: this.#writes(),
    };
  }

  async stop(): Promise<void> {
    this.#admin.disconnect();
    await killProcess(this.#process);
    remove(this.#socketDir);
  }

  #writes(): number | undefined {
    const path = `/proc/${this.#process.pid ?? 0}/io`;
    return existsSync(path) ? numberIn(readFileSync(path, 'utf8'), /^syscw: (\d+)/m) : undefined;
  }
}

async function untilUp(child: ChildProcess, socket: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (!(await answers(socket))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('redis-server did not come up');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let counterPath: string | undefined;
let counterTried = false;

/** The preload library, compiled once into `dir`; `undefined` on a machine without a C compiler, or not Linux. */
function compiledCounter(dir: string): string | undefined {
  if (counterTried) return counterPath;
  counterTried = true;
  const path = join(dir, 'fsync-counter.so');
  const made =
    process.platform === 'linux' &&
    spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', path, COUNTER, '-ldl'], { stdio: 'ignore' }).status === 0;
  counterPath = made ? path : undefined;
  return counterPath;
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}
