/** A real Redis Cluster of three masters, each behind a proxy whose address it announces. */
import { execFile, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { answers, freePorts, killProcess, PASSWORD, startServer, testUsers } from './redis.js';
import { TcpProxy } from './tcp-proxy.js';

export interface ClusterNode {
  /** Not behind the proxy, as a user who may do everything. */
  readonly adminUrl: string;
  readonly proxy: TcpProxy;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export interface TestCluster {
  readonly url: string;
  readonly nodes: readonly ClusterNode[];
  stop(): Promise<void>;
}

export async function startTestCluster(): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'openlock-cluster-'));
  const ports = await freePorts(6);
  const nodes = await Promise.all(
    [0, 1, 2].map((index) => startNode(join(dir, String(index)), ports[index] ?? 0, ports[index + 3] ?? 0)),
  );
  const addresses = ports.slice(0, 3).map((port) => `127.0.0.1:${port}`);
  await promisify(execFile)(
    'redis-cli',
    ['--user', 'admin', '-a', PASSWORD, '--no-auth-warning', '--cluster-yes', '--cluster', 'create', ...addresses],
    { timeout: 15_000 },
  );
  return {
    url: `redis-cluster://openlock:${PASSWORD}@${nodes.map(({ proxy }) => `127.0.0.1:${proxy.port}`).join(',')}`,
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startNode(dir: string, port: number, busPort: number): Promise<ClusterNode & { stop(): Promise<void> }> {
  mkdirSync(dir);
  writeFileSync(join(dir, 'users.acl'), testUsers());
  const proxy = await TcpProxy.start(port);
  const settings = {
    port,
    'cluster-port': busPort,
    bind: '127.0.0.1',
    dir,
    aclfile: join(dir, 'users.acl'),
    save: '',
    appendonly: 'yes',
    'cluster-enabled': 'yes',
    'cluster-node-timeout': 1000,
    'cluster-announce-port': proxy.port,
  };
  const serverArguments = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const start = (): Promise<ChildProcess> => startServer(serverArguments, () => answers(port));
  let child = await start();
  return {
    adminUrl: `redis://admin:${PASSWORD}@127.0.0.1:${port}`,
    proxy,
    kill: () => killProcess(child),
    async restart() {
      child = await start();
    },
    async stop() {
      await killProcess(child);
      await proxy.stop();
    },
  };
}
