/**
 * The relay's own redis-server, used when `OPENLOCK_REDIS_URL` is unset (protocol 11.1). One server per data directory,
 * shared by whoever needs it: relays and command lines start it or adopt the one that runs, start it again when it dies,
 * and the last one to leave stops it. It survives the death of the process that started it.
 */
import type { Redis } from 'ioredis';

import { eventually, sleep, type Clock } from '../../clock.js';
import { ConfigError } from '../../config.js';
import { preparePrivateRedis, logTail, settingsAreCurrent, writeSettings, type PrivateRedisFiles } from './files.js';
import { announceLeave, isLastToLeave, knock, otherUsers, stopServer } from './keeper.js';
import { lockCommand, redisServerInstalled, startServer, type ServerProcess } from './process.js';
import { unixSocketUrl } from '../redis-url.js';

/** Where it says what happened; pino's methods fit. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Time for a server to come up, and for a dying one to let go of the lock. */
const ACQUIRE_TIMEOUT_MS = 15_000;
/** A large append-only file takes its time to load; while it does, the server says so. */
const LOADING_TIMEOUT_MS = 600_000;
const POLL_MS = 50;
/** Somebody else is starting it, or the child of a dead one is still about: give that a moment. */
const LOCK_HELD_MS = 150;
/** A server that ends this often in a row right after its start will not come up by itself. */
const MAX_FAILED_STARTS = 3;
const RESTART_MAX_MS = 5000;
const TRIES_PER_LINE = 12;
/** A server that lasted this long was well: the next restart is at once. */
const STEADY_MS = 10_000;
/** Connections that were just closed may still be listed for a moment. */
const LEAVE_TIMEOUT_MS = 500;

export class PrivateRedis {
  /** For `RedisLink.open`; holds the password. */
  readonly url: string;
  readonly #files: PrivateRedisFiles;
  readonly #command: readonly string[];
  readonly #log: StoreLog;
  readonly #clock: Clock;
  /** Connection whose loss says that the server is gone. */
  #keeper: Redis | undefined;
  #upSince = 0;
  #restarts = 0;
  #released = false;
  #reviving: Promise<void> | undefined;

  private constructor(files: PrivateRedisFiles, command: readonly string[], log: StoreLog, clock: Clock) {
    this.#files = files;
    this.#command = command;
    this.#log = log;
    this.#clock = clock;
    this.url = unixSocketUrl(files.socketPath, 'openlock', files.password);
  }

  /**
   * Adopts the server of `dataDir` or starts one, and keeps it alive until {@link release}. Throws {@link ConfigError} when
   * there cannot be one (not installed, a data dir that cannot be used, settings it refuses).
   */
  static async acquire(dataDir: string, log: StoreLog, clock: Clock): Promise<PrivateRedis> {
    if (!(await redisServerInstalled())) {
      throw new ConfigError([
        'redis-server is not installed (Debian: apt-get install redis-server, macOS: brew install redis). To use a Redis that runs elsewhere set OPENLOCK_REDIS_URL.',
      ]);
    }
    const files = preparePrivateRedis(dataDir);
    const command = await lockCommand(files);
    if (command === undefined)
      throw new ConfigError([
        'Neither flock (util-linux) nor perl is installed, so the private redis-server cannot be locked. Install one, or set OPENLOCK_REDIS_URL.',
      ]);
    const redis = new PrivateRedis(files, command, log, clock);
    redis.#watch(await redis.#bringUp());
    return redis;
  }

  /**
   * Lets go of the server, and stops it when no other relay or command line is connected. Close the links first. Never
   * throws: a server that cannot be stopped is left to the next one who acquires it.
   */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#reviving;
    const keeper = this.#keeper;
    if (keeper === undefined) return;
    try {
      if (await this.#isLast(keeper)) {
        await stopServer(keeper, this.#clock);
        this.#log.info({ dir: this.#files.dir }, 'private redis-server stopped');
      }
    } catch (error) {
      // Another who left at the same moment stopped it.
      if (keeper.status !== 'ready') return;
      this.#log.warn(
        { dir: this.#files.dir, err: error },
        'private redis-server could not be stopped; it is left running',
      );
    } finally {
      keeper.disconnect();
    }
  }

  /** Knocks and starts in turn until a server answers. */
  async #bringUp(): Promise<Redis> {
    const begun = this.#clock.monotonic();
    let failedStarts = 0;
    let server: ServerProcess | undefined;
    let loading = false;
    while (!this.#released || server !== undefined) {
      const found = await knock(this.#files);
      if (found.state === 'up') {
        if (server !== undefined || (await this.#mayStay(found.connection)))
          return this.#found(found.connection, server !== undefined);
        continue;
      }
      loading ||= found.state === 'loading';
      if (server?.exit !== undefined) {
        if (server.exit.lockHeld) await sleep(this.#clock, LOCK_HELD_MS);
        else failedStarts += 1;
        if (failedStarts >= MAX_FAILED_STARTS) throw this.#cannotStart(server.exit.description);
        server = undefined;
      }
      if (this.#clock.monotonic() - begun > (loading ? LOADING_TIMEOUT_MS : ACQUIRE_TIMEOUT_MS))
        throw this.#cannotStart('it does not answer');
      if (server === undefined && found.state === 'absent') {
        if (!settingsAreCurrent(this.#files)) writeSettings(this.#files);
        server = startServer(this.#files, this.#command);
      }
      await Promise.race([sleep(this.#clock, POLL_MS), ...(server === undefined ? [] : [server.exited])]);
    }
    throw new Error('released while the private redis-server was coming up');
  }

  /** A server left by an older version runs with the older settings; with nobody else there it is started anew. */
  async #mayStay(connection: Redis): Promise<boolean> {
    if (settingsAreCurrent(this.#files)) return true;
    if ((await otherUsers(connection)) > 0) {
      this.#log.warn(
        { dir: this.#files.dir },
        'the private redis-server runs with the settings of another version until its last user leaves',
      );
      return true;
    }
    this.#log.info({ dir: this.#files.dir }, 'restarting the private redis-server with this version’s settings');
    await stopServer(connection, this.#clock);
    return false;
  }

  #found(connection: Redis, started: boolean): Redis {
    this.#log.info(
      { dir: this.#files.dir, socket: this.#files.socketPath },
      started ? 'private redis-server started' : 'private redis-server adopted',
    );
    return connection;
  }

  #watch(connection: Redis): void {
    const gone = (): void => {
      this.#keeper = undefined;
      if (this.#released) return;
      this.#log.warn({ dir: this.#files.dir }, 'private redis-server is gone; starting it again');
      this.#reviving = this.#revive();
    };
    this.#keeper = connection;
    this.#upSince = this.#clock.monotonic();
    // It may have died since it answered.
    if (connection.status === 'end') gone();
    else connection.once('end', gone);
  }

  async #revive(): Promise<void> {
    if (this.#clock.monotonic() - this.#upSince > STEADY_MS) this.#restarts = 0;
    while (!this.#released) {
      if (this.#restarts > 0) {
        const delayMs = Math.min(100 * 2 ** this.#restarts, RESTART_MAX_MS);
        await eventually(this.#clock, delayMs, () => this.#released);
      }
      this.#restarts += 1;
      try {
        this.#watch(await this.#bringUp());
        return;
      } catch (error) {
        // Each try takes seconds; one line a minute says as much as all of them.
        if (this.#restarts === 1 || this.#restarts % TRIES_PER_LINE === 0)
          this.#log.warn(
            { dir: this.#files.dir, err: error, tries: this.#restarts },
            'private redis-server does not come up; trying on',
          );
      }
    }
  }

  async #isLast(keeper: Redis): Promise<boolean> {
    await announceLeave(keeper);
    const until = this.#clock.monotonic() + LEAVE_TIMEOUT_MS;
    while (!(await isLastToLeave(keeper))) {
      if (this.#clock.monotonic() > until) return false;
      await sleep(this.#clock, POLL_MS);
    }
    return true;
  }

  #cannotStart(reason: string): ConfigError {
    return new ConfigError([
      `The private redis-server under ${this.#files.dir} cannot be used: ${reason}. The end of its log:\n${logTail(this.#files)}`,
    ]);
  }
}
