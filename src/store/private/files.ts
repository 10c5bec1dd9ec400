/**
 * The files of the private redis-server (protocol 11.1), all under `<data dir>/redis`: settings and users made from
 * `redis/openlock.conf` and `redis/users.acl`, a password of its own, the lock, the socket and the append-only file.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ConfigError } from '../../config.js';
import { OWNER_ONLY, readIfThere, readOrCreate, replaceFile } from '../../files.js';

const TEMPLATES_DIR = fileURLToPath(new URL('../../../redis/', import.meta.url));
/** Unix socket paths end at 104 bytes on macOS and 108 on Linux, including a zero. */
const SOCKET_PATH_MAX_BYTES = 100;

export interface PrivateRedisFiles {
  /** `<data dir>/redis`, with links resolved. */
  readonly dir: string;
  readonly lockPath: string;
  readonly settingsPath: string;
  readonly usersPath: string;
  readonly logPath: string;
  readonly socketPath: string;
  /** Of both users in `redis/users.acl`. */
  readonly password: string;
}

/** Makes the directory and the password; starts nothing. Throws {@link ConfigError} when the data dir cannot be used. */
export function preparePrivateRedis(dataDir: string): PrivateRedisFiles {
  const dir = ownDirectory(join(dataDir, 'redis'), 'OPENLOCK_DATA_DIR');
  return {
    dir,
    lockPath: join(dir, 'lock'),
    settingsPath: join(dir, 'openlock.conf'),
    usersPath: join(dir, 'users.acl'),
    logPath: join(dir, 'redis.log'),
    socketPath: socketPath(dir),
    password: readOrCreate(join(dir, 'password'), OWNER_ONLY, () => randomBytes(32).toString('base64url')).trim(),
  };
}

/** True when a server started now would get the very settings the last one got. */
export function settingsAreCurrent(files: PrivateRedisFiles): boolean {
  return readIfThere(files.settingsPath) === settings(files) && readIfThere(files.usersPath) === users(files);
}

/** Writes the files redis-server reads at its start. */
export function writeSettings(files: PrivateRedisFiles): void {
  replaceFile(files.usersPath, OWNER_ONLY, users(files));
  replaceFile(files.settingsPath, OWNER_ONLY, settings(files));
}

/** The last lines redis-server logged, for the message of a failed start. */
export function logTail(files: PrivateRedisFiles, lines = 5): string {
  return (readIfThere(files.logPath) ?? '').trimEnd().split('\n').slice(-lines).join('\n');
}

function settings(files: PrivateRedisFiles): string {
  const values: readonly (readonly [string, string])[] = [
    ['port', '0'],
    ['unixsocket', quote(files.socketPath)],
    ['unixsocketperm', '700'],
    ['dir', quote(files.dir)],
    ['aclfile', quote(files.usersPath)],
    ['logfile', quote(files.logPath)],
    ['daemonize', 'no'],
  ];
  const own = values.map(([name, value]) => `${name} ${value}\n`).join('');
  return `# Made by OpenLock at each start; changes are lost.\n${template('openlock.conf')}\n# This data directory's own:\n${own}`;
}

function users(files: PrivateRedisFiles): string {
  const hash = createHash('sha256').update(files.password).digest('hex');
  return template('users.acl').replaceAll(' resetpass ', ` resetpass #${hash} `);
}

function template(name: string): string {
  return readFileSync(join(TEMPLATES_DIR, name), 'utf8');
}

function quote(path: string): string {
  if (/\p{Cc}/u.test(path)) throw new ConfigError(['OPENLOCK_DATA_DIR must not hold control characters.']);
  return `"${path.replace(/[\\"]/g, '\\$&')}"`;
}

function socketPath(dir: string): string {
  const path = join(dir, 'redis.sock');
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX_BYTES) return path;
  const name = `openlock-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`;
  const short = join(ownDirectory(join(tmpdir(), name), 'OPENLOCK_DATA_DIR is long, and its stand-in'), 'redis.sock');
  if (Buffer.byteLength(short) <= SOCKET_PATH_MAX_BYTES) return short;
  throw new ConfigError(['OPENLOCK_DATA_DIR is too long a path for a Unix socket, and so is the temporary directory.']);
}

/** A directory that is ours alone: in a shared place somebody else could have put one there, or a link. */
function ownDirectory(path: string, name: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory()) throw new Error('it is not a directory');
    if (process.getuid !== undefined && stat.uid !== process.getuid()) throw new Error('it belongs to another user');
    chmodSync(path, 0o700);
    return realpathSync(path);
  } catch (error) {
    throw new ConfigError([
      `${name}: ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
    ]);
  }
}
