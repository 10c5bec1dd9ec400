/**
 * What has to be right on this machine before anything starts. `prepare` is the first thing a relay and a command line do;
 * `findProblems` is the same and more for `check-config`, and changes nothing.
 */
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';

import type { Clock } from '../clock.js';
import { ConfigError, type Config } from '../config.js';
import { isErrno, isOpenToOthers, OWNER_ONLY_DIRECTORY } from '../files.js';
import { readConfiguredCertificate } from '../http/configured-certificate.js';
import { lockCommand, redisServerInstalled } from '../store/private/process.js';
import { parseRedisUrl, RedisUrlError } from '../store/redis-url.js';

/** What OpenLock, or a disk's own file system, puts into a data dir. */
const OWN_ENTRIES = new Set([
  ...[
    'audit',
    'demo-access-token',
    'demo-door',
    'demo-door-ca.pem',
    'demos',
    'outbox',
    'redis',
    'relay.json',
    'relays',
  ],
  ...['secrets', 'tls', 'virtual-doors', 'lost+found'],
]);
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Makes the data dir, for its owner alone, and looks at the secrets. Throws {@link ConfigError} with every problem. */
export function prepare(config: Config): void {
  const problems = [...dataDirProblems(config.dataDir), ...secretProblems(config)];
  if (problems.length > 0) throw new ConfigError(problems);
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: OWNER_ONLY_DIRECTORY });
    if (isOpenToOthers(statSync(config.dataDir))) chmodSync(config.dataDir, OWNER_ONLY_DIRECTORY);
  } catch (error) {
    throw new ConfigError([`OPENLOCK_DATA_DIR: ${config.dataDir} cannot be made: ${reasonOf(error)}.`]);
  }
}

/** A sentence for everything `serve` would refuse, but for a store that cannot be reached. `ownPorts`: of relays of this data dir. */
export async function findProblems(
  config: Config,
  { clock, ownPorts }: { readonly clock: Clock; readonly ownPorts: readonly number[] },
): Promise<readonly string[]> {
  return [
    ...dataDirProblems(config.dataDir),
    ...writableProblems('OPENLOCK_DATA_DIR', config.dataDir),
    ...(existsSync(config.secretsDir) ? [] : writableProblems('OPENLOCK_SECRETS_DIR', config.secretsDir)),
    ...secretProblems(config),
    ...certificateProblems(config, clock),
    ...(await storeProblems(config)),
    ...(ownPorts.includes(config.port) ? [] : await portProblems('OPENLOCK_PORT', config.port, config.host)),
    ...(config.metricsPort === undefined || ownPorts.length > 0
      ? []
      : await portProblems('OPENLOCK_METRICS_PORT', config.metricsPort, config.metricsHost)),
  ];
}

/**
 * A directory that others can look into is closed to them only where nothing but ours can be in it: `chmod 700` on somebody's
 * home, or on `/tmp`, because a variable named the wrong place, would do harm.
 */
function dataDirProblems(path: string): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (!stats.isDirectory()) return [`OPENLOCK_DATA_DIR: ${path} is not a directory.`];
  if (!isOpenToOthers(stats)) return [];
  const entries = readdirSync(path);
  const isOurs = stats.uid === process.getuid?.() && (stats.mode & STICKY) === 0;
  const mayBePlanted = (stats.mode & OTHERS_WRITE) !== 0 && entries.length > 0;
  if (isOurs && !mayBePlanted && entries.every((name) => OWN_ENTRIES.has(name))) return [];
  return [
    `OPENLOCK_DATA_DIR: other users can ${mayBePlanted ? 'write to' : 'read'} ${path}, and not all in it is OpenLock's. If it is the right place: chmod 700 ${quoted(path)}`,
  ];
}

function secretProblems({ tls, tlsKey, tlsCert, secretsDir, dataDir }: Config): readonly string[] {
  const ownKeys = ['ca-key.pem', 'server-key.pem'].map((name) => join(dataDir, 'tls', name));
  return [
    ...secretsDirProblems(secretsDir, tlsCert),
    ...openFiles('OPENLOCK_TLS_KEY', tls && tlsKey !== undefined ? [tlsKey] : []),
    ...openFiles('OPENLOCK_DATA_DIR', tls && tlsKey === undefined ? ownKeys : []),
  ];
}

/** All that lies there is secret, but for a certificate that somebody keeps beside its key. */
function secretsDirProblems(folder: string, tlsCert: string | undefined): readonly string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const files = names
      .map((name) => join(folder, name))
      .filter((path) => tlsCert === undefined || path !== resolve(tlsCert));
    return openFiles('OPENLOCK_SECRETS_DIR', files);
  } catch (error) {
    return isErrno(error, 'ENOENT') ? [] : [`OPENLOCK_SECRETS_DIR: ${folder} cannot be read: ${reasonOf(error)}.`];
  }
}

function openFiles(variable: string, paths: readonly string[]): readonly string[] {
  const open = paths.filter((path) => {
    const stats = existsSync(path) ? statSync(path) : undefined;
    return stats?.isFile() === true && isOpenToOthers(stats);
  });
  return open.length === 0
    ? []
    : [`${variable}: other users can read secrets. This ends it: chmod 600 ${open.map(quoted).join(' ')}`];
}

function writableProblems(variable: string, path: string): readonly string[] {
  let there = path;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    return [
      `${variable}: ${path} cannot be ${there === path ? 'written to' : `made in ${there}`}: ${reasonOf(error)}.`,
    ];
  }
}

function certificateProblems({ tls, tlsCert, tlsKey }: Config, clock: Clock): readonly string[] {
  if (!tls || tlsCert === undefined || tlsKey === undefined) return [];
  try {
    readConfiguredCertificate(tlsCert, tlsKey, clock);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

async function storeProblems({ redisUrl }: Config): Promise<readonly string[]> {
  if (redisUrl !== undefined) {
    try {
      parseRedisUrl(redisUrl);
      return [];
    } catch (error) {
      if (error instanceof RedisUrlError) return [error.message];
      throw error;
    }
  }
  const hint = 'or set OPENLOCK_REDIS_URL to one that runs elsewhere';
  return [
    ...((await redisServerInstalled()) ? [] : [`redis-server is not installed; install it, ${hint}.`]),
    ...((await lockCommand({ settingsPath: '', lockPath: '' })) === undefined
      ? [
          `Neither flock (util-linux) nor perl is installed, so a private redis-server cannot be locked; install one, ${hint}.`,
        ]
      : []),
  ];
}

/** Listens for a moment: only the system knows whether a port is free, and whether this user may have it. */
async function portProblems(variable: string, port: number, host: string): Promise<readonly string[]> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host, exclusive: true }, resolve);
    });
    return [];
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE'))
      return [`${variable}: port ${port} is taken; choose another, or 0 for any free one.`];
    if (isErrno(error, 'EACCES')) return [`${variable}: port ${port} needs more rights than this user has.`];
    if (isErrno(error, 'EADDRNOTAVAIL') || isErrno(error, 'ENOTFOUND') || isErrno(error, 'EAI_AGAIN'))
      return [`OPENLOCK_HOST: this machine has no address ${host}.`];
    return [`${variable}: port ${port} cannot be listened on: ${reasonOf(error)}.`];
  } finally {
    server.close();
  }
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
