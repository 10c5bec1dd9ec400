/** A real Sentinel that watches a master with one replica. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { answers, freePorts, killProcess, PASSWORD, startServer, testUsers } from './redis.js';

export interface TestSentinel {
  readonly url: string;
  /** As a user who may do everything, on the first master and on its replica. */
  readonly adminUrls: readonly [string, string];
  killMaster(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTestSentinel(): Promise<TestSentinel> {
  const dir = mkdtempSync(join(tmpdir(), 'openlock-sentinel-'));
  const [masterPort = 0, replicaPort = 0, sentinelPort = 0] = await freePorts(3);
  const master = await startNode(join(dir, 'master'), masterPort, []);
  const replica = await startNode(join(dir, 'replica'), replicaPort, [
    '--replicaof',
    `127.0.0.1 ${masterPort}`,
    '--repl-diskless-sync-delay',
    '0',
  ]);
  const sentinel = await startSentinel(join(dir, 'sentinel'), sentinelPort, masterPort);
  const adminUrl = (port: number): string => `redis://admin:${PASSWORD}@127.0.0.1:${port}`;
  return {
    url: `redis-sentinel://openlock:${PASSWORD}@127.0.0.1:${sentinelPort}/doors`,
    adminUrls: [adminUrl(masterPort), adminUrl(replicaPort)],
    killMaster: () => killProcess(master),
    async stop() {
      await Promise.all([sentinel, master, replica].map(killProcess));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function startNode(dir: string, port: number, more: readonly string[]): Promise<ChildProcess> {
  mkdirSync(dir, { recursive: true });
  const users = join(dir, 'users.acl');
  writeFileSync(users, testUsers());
  const serverArguments = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--save',
    '',
    '--aclfile',
    users,
    '--masteruser',
    'admin',
    '--masterauth',
    PASSWORD,
    '--repl-diskless-sync-delay',
    '0',
  ];
  return startServer([...serverArguments, ...more], () => answers(port));
}

async function startSentinel(dir: string, port: number, masterPort: number): Promise<ChildProcess> {
  mkdirSync(dir);
  const settings = join(dir, 'sentinel.conf');
  const watch = [
    `monitor doors 127.0.0.1 ${masterPort} 1`,
    'auth-user doors admin',
    `auth-pass doors ${PASSWORD}`,
    'down-after-milliseconds doors 500',
    'failover-timeout doors 3000',
  ];
  writeFileSync(
    settings,
    `port ${port}\nbind 127.0.0.1\ndir ${dir}\n${watch.map((line) => `sentinel ${line}\n`).join('')}`,
  );
  return startServer([settings, '--sentinel'], () => answers(port));
}
