/**
 * Starts the private redis-server under a kernel lock that redis-server itself holds: the program that takes the lock
 * replaces itself with redis-server, which keeps the locked file open until it dies, however it dies. So two servers can
 * never open one append-only file, and no lock is ever left behind (protocol 11.1).
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';

import type { PrivateRedisFiles } from './files.js';

/** Exit status of the lock program: another redis-server holds the lock. */
const LOCK_HELD = 75;
/** The same lock by perl's flock, for machines without util-linux (macOS has perl). */
const PERL_LOCK = `use Fcntl qw(:flock F_SETFD);
open(my $lock, '>>', shift @ARGV) or exit 73;
flock($lock, LOCK_EX | LOCK_NB) or exit ${LOCK_HELD};
fcntl($lock, F_SETFD, 0) or exit 73;
exec { $ARGV[0] } @ARGV or exit 127;`;
/** Settings of the relay that hold passwords and are none of redis-server's business. */
const SECRET_VARIABLES = ['OPENLOCK_MAIL_URL', 'OPENLOCK_REDIS_URL'];

/** How a started process ended. */
export interface ServerExit {
  /** Another redis-server has the lock: connect to that one. */
  readonly lockHeld: boolean;
  /** For people. */
  readonly description: string;
}

export interface ServerProcess {
  readonly exited: Promise<ServerExit>;
  /** Set once it has ended. */
  readonly exit: ServerExit | undefined;
}

/** The program and arguments that take the lock and become redis-server; `undefined` when this machine has neither flock nor perl. */
export async function lockCommand(
  files: Pick<PrivateRedisFiles, 'settingsPath' | 'lockPath'>,
  find: (program: string, args: readonly string[]) => Promise<string> = run,
): Promise<readonly string[] | undefined> {
  const server = ['redis-server', files.settingsPath];
  // busybox has a flock too, without --no-fork: the lock would be held by the wrong process.
  if (/util-linux/.test(await find('flock', ['--version'])))
    return ['flock', '-n', '-E', String(LOCK_HELD), '--no-fork', files.lockPath, ...server];
  if (/perl/.test(await find('perl', ['-e', 'print "perl"'])))
    return ['perl', '-e', PERL_LOCK, files.lockPath, ...server];
  return undefined;
}

/** True when `redis-server` can be run. */
export async function redisServerInstalled(): Promise<boolean> {
  return /server v=/i.test(await run('redis-server', ['--version']));
}

/** Starts redis-server, detached: it outlives this process, and signals sent to our process group pass it by. */
export function startServer(files: PrivateRedisFiles, command: readonly string[]): ServerProcess {
  const child = spawn('env', [...SECRET_VARIABLES.flatMap((name) => ['-u', name]), ...command], {
    cwd: files.dir,
    detached: true,
    stdio: 'ignore',
  });
  child.unref();
  const server: { exit: ServerExit | undefined; exited: Promise<ServerExit> } = {
    exit: undefined,
    exited: once(child, 'exit').then(
      ([code, signal]) => (server.exit = describeExit(code as number | null, signal as string | null)),
      (error: unknown) => (server.exit = { lockHeld: false, description: `it could not be started: ${String(error)}` }),
    ),
  };
  return server;
}

function describeExit(code: number | null, signal: string | null): ServerExit {
  if (code === LOCK_HELD) return { lockHeld: true, description: 'another redis-server has the data directory' };
  if (signal !== null) return { lockHeld: false, description: `it was ended by ${signal}` };
  return { lockHeld: false, description: `it ended with exit status ${code ?? 'unknown'}` };
}

/** What a program prints; empty when it is not there. */
function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 5000 }, (error, stdout) => resolve(error === null ? stdout : ''));
  });
}
