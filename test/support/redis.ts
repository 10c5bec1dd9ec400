/** A real redis-server of the test's own: free of port clashes (Unix socket), in a directory of its own, stopped by id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../../src/clock.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { unixSocketUrl } from '../../src/store/redis-url.js';

const USERS = fileURLToPath(new URL('../../redis/users.acl', import.meta.url));
/** Of every user in {@link testUsers}. */
export const PASSWORD = 'test-password';

export interface TestRedis {
  /** As the user `openlock` of redis/users.acl: a test that works proves that the relay has the permissions it needs. */
  readonly url: string;
  /** As a user who may do everything, for looking behind the scenes. */
  readonly adminUrl: string;
  readonly socketPath: string;
  /** The running server; another one after {@link restart}. */
  readonly process: ChildProcess;
  /** A fresh link, closed with the server. */
  link(name?: string): Promise<RedisLink>;
  /** Ends the server as SIGKILL does; its directory stays. */
  kill(): Promise<void>;
  /** Starts it again on the same directory and socket. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server with the users of redis/users.acl; without an append-only file unless the arguments say so. */
export async function startTestRedis(extraArguments: readonly string[] = []): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), 'openlock-redis-'));
  const socketPath = join(dir, 'redis.sock');
  const usersPath = join(dir, 'users.acl');
  writeFileSync(usersPath, testUsers());
  const serverArguments = [
    '--port',
    '0',
    '--unixsocket',
    socketPath,
    '--dir',
    dir,
    '--aclfile',
    usersPath,
    '--save',
    '',
    '--appendonly',
    'no',
    ...extraArguments,
  ];
  const url = unixSocketUrl(socketPath, 'openlock', PASSWORD);
  const links: RedisLink[] = [];
  let child = await startServer(serverArguments, () => answers(socketPath));
  return {
    url,
    adminUrl: unixSocketUrl(socketPath, 'admin', PASSWORD),
    socketPath,
    get process() {
      return child;
    },
    async link(name = 'test') {
      const link = await RedisLink.open({ clock: systemClock, url, clientName: name, commandTimeoutMs: 800 });
      links.push(link);
      return link;
    },
    kill: () => killProcess(child),
    async restart() {
      child = await startServer(serverArguments, () => answers(socketPath));
    },
    async stop() {
      await Promise.all(links.map((link) => link.close()));
      await killProcess(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The users of redis/users.acl with a password, and one for the tests themselves. */
export function testUsers(): string {
  return `${readFileSync(USERS, 'utf8').replaceAll(' resetpass ', ` resetpass >${PASSWORD} `)}user admin on >${PASSWORD} ~* &* +@all\n`;
}

/** Starts a redis-server and waits until `ready`; throws with its output when it ends before that. */
export async function startServer(
  serverArguments: readonly string[],
  ready: () => Promise<boolean>,
): Promise<ChildProcess> {
  const child = spawn('redis-server', serverArguments, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`redis-server ended: ${output}`)));
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString()}`.slice(-4000);
    });
  }
  ended.catch(() => undefined);
  const deadline = Date.now() + 5000;
  while (!(await Promise.race([ready(), ended]))) {
    if (Date.now() > deadline) throw new Error(`redis-server did not answer within 5 s: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return child;
}

/** SIGKILL, and waits for the end. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** True when somebody accepts connections on the Unix socket or local port. */
export function answers(where: string | number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof where === 'string' ? connect(where) : connect(where, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A link as the user who may do everything; the caller closes it. */
export function openAdmin(redis: TestRedis): Promise<RedisLink> {
  return RedisLink.open({ clock: systemClock, url: redis.adminUrl, clientName: 'admin', commandTimeoutMs: 2000 });
}

/** Ports nobody listens on at this moment. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
