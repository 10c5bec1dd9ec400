/** A relay in a process of its own, as an operator starts it: it can be killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { killProcess } from '../../support/redis.js';
import { RAISED_LIMITS } from '../../support/relay.js';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What tests need to reach a relay, in this process or another. */
export interface Reachable {
  readonly url: string;
  readonly ca: string;
  readonly dataDir: string;
}

export interface RelayProcess extends Reachable {
  readonly port: number;
  /** Where its metrics are, if it was told to have any. */
  readonly metricsPort: number | undefined;
  readonly child: ChildProcess;
  /** SIGKILL: no farewell to anybody. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>;
  /** Kills it if it still runs, and removes its directory. */
  dispose(): Promise<void>;
}

/**
 * Starts `serve` and waits until it listens; throws with its output when it ends before that. `ca`: PEM of the authority,
 * where the environment names a certificate of the test's own. `options`: of the command.
 */
export async function startRelayProcess(
  environment: Readonly<Record<string, string>>,
  ca?: string,
  options: readonly string[] = [],
): Promise<RelayProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'openlock-relay-'));
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'serve', '--json', ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      OPENLOCK_HOST: '127.0.0.1',
      OPENLOCK_DATA_DIR: dataDir,
      OPENLOCK_ALLOW_PRIVATE_SITES: 'true',
      ...RAISED_LIMITS,
      OPENLOCK_LOG_LEVEL: 'error',
      OPENLOCK_PORT: '0',
      ...environment,
    },
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk.toString()}`.slice(-8000);
  });
  const { port, caPath, metricsPort } = await Promise.race([
    firstLine(child),
    once(child, 'exit').then(() => Promise.reject(new Error(`the relay ended before it listened: ${complaints}`))),
  ]);
  return {
    port,
    metricsPort,
    url: `https://localhost:${port}`,
    ca: ca ?? readFileSync(caPath ?? '', 'utf8'),
    dataDir,
    child,
    kill: () => killProcess(child),
    async terminate() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    async dispose() {
      await killProcess(child);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

interface Said {
  readonly port: number;
  readonly caPath?: string;
  readonly metricsPort?: number;
}

async function firstLine(child: ChildProcess): Promise<Said> {
  if (child.stdout === null) throw new Error('no standard output');
  let text = '';
  for await (const line of createInterface({ input: child.stdout })) {
    text += line;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      continue; // one JSON value, possibly over several lines
    }
    const address = value as Partial<Said>;
    if (address.port === undefined) throw new Error(`the relay does not start: ${text}`);
    return { ...address, port: address.port };
  }
  throw new Error('the relay said nothing');
}
