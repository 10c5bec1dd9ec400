/** What the keeper of a private redis-server says to it, as the user `openlock-keeper` of `redis/users.acl`. */
import { Redis } from 'ioredis';

import { eventually, type Clock } from '../../clock.js';
import { ConfigError } from '../../config.js';
import type { PrivateRedisFiles } from './files.js';

/** `absent`: nobody listens; `loading`: it is reading its file; `silent`: it is there but does not answer. */
export type Knock =
  { readonly state: 'up'; readonly connection: Redis } | { readonly state: 'absent' | 'loading' | 'silent' };

const ANSWER_TIMEOUT_MS = 2000;
const STOP_TIMEOUT_MS = 10_000;

/** Connects to the server if it is there. Throws {@link ConfigError} when it does not know our password. */
export async function knock(files: PrivateRedisFiles): Promise<Knock> {
  const connection = new Redis({
    path: files.socketPath,
    username: 'openlock-keeper',
    password: files.password,
    connectionName: 'openlock-keeper',
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: ANSWER_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    disconnectTimeout: 100,
  });
  let refused: Error | undefined;
  connection.on('error', (error: Error) => {
    refused = error;
  });
  try {
    await connection.connect();
    await connection.ping();
    return { state: 'up', connection };
  } catch (error) {
    connection.disconnect();
    const text = `${String(error)} ${String(refused)}`;
    if (/WRONGPASS/.test(text)) {
      throw new ConfigError([
        `A redis-server listens on ${files.socketPath} that does not know the password in ${files.dir}/password. Stop it, or point OPENLOCK_DATA_DIR elsewhere.`,
      ]);
    }
    if (/LOADING/.test(text)) return { state: 'loading' };
    return { state: /timed out|ETIMEDOUT|max number of clients/.test(text) ? 'silent' : 'absent' };
  }
}

/** Of a connection whose holder lets go of the server: it counts no longer as somebody who needs it. */
const LEAVING = 'leaving-openlock-keeper';

/** How many other connections of relays and command lines the server has (their names begin with `openlock-`). */
export async function otherUsers(connection: Redis): Promise<number> {
  const { own, clients } = await clientsOf(connection);
  return clients.filter(({ id, name }) => name.startsWith('openlock-') && id !== own).length;
}

/** From now on this connection is no user of the server any more. */
export async function announceLeave(connection: Redis): Promise<void> {
  await connection.client('SETNAME', LEAVING);
}

/**
 * Whether the one who leaves has to stop the server: nobody needs it, and of those who leave at the same time this one came
 * first. Without the order, processes of one host that stop together would all wait for each other, or all stop it.
 */
export async function isLastToLeave(connection: Redis): Promise<boolean> {
  const { own, clients } = await clientsOf(connection);
  return clients.every(({ id, name }) => !name.startsWith('openlock-') && (name !== LEAVING || id >= own));
}

async function clientsOf(connection: Redis): Promise<{
  readonly own: number;
  readonly clients: readonly { readonly id: number; readonly name: string }[];
}> {
  const [own, list] = await Promise.all([connection.client('ID'), connection.client('LIST') as Promise<string>]);
  const clients = [...list.matchAll(/^id=(\d+) .* name=(\S*)/gm)].map(([, id, name = '']) => ({
    id: Number(id),
    name,
  }));
  return { own, clients };
}

/** Stops the server and waits until its process is gone, so that its lock and its socket are free. */
export async function stopServer(connection: Redis, clock: Clock): Promise<void> {
  const pid = Number(/process_id:(\d+)/.exec(await connection.info('server'))?.[1]);
  const stopped = connection.call('SHUTDOWN', 'NOSAVE').then(
    () => undefined,
    (error: unknown) => {
      // A refusal to stop is a reply; a closed connection is what stopping looks like.
      if (error instanceof Error && error.name === 'ReplyError') throw error;
    },
  );
  await stopped;
  await eventually(clock, STOP_TIMEOUT_MS, () => !isAlive(pid));
  if (isAlive(pid)) throw new Error(`redis-server ${pid} does not end`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
