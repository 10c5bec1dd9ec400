/** The relay as it is built, in a process of its own, on one data dir and one port: it can be stopped and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePorts, killProcess } from '../../../support/redis.js';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

export class BuiltRelay {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'openlock-built-'));
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async start(): Promise<BuiltRelay> {
    const [port = 0] = await freePorts(1);
    const relay = new BuiltRelay(port);
    // The first run makes the authority that the second one is to know.
    await relay.start();
    await relay.stop();
    await relay.start();
    return relay;
  }

  get url(): string {
    return `https://localhost:${this.#port}`;
  }

  get caPath(): string {
    return join(this.dataDir, 'tls/ca.pem');
  }

  get ca(): string {
    return readFileSync(this.caPath, 'utf8');
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      OPENLOCK_DATA_DIR: this.dataDir,
      OPENLOCK_HOST: '127.0.0.1',
      OPENLOCK_PORT: String(this.#port),
      OPENLOCK_ALLOW_PRIVATE_SITES: 'true',
      OPENLOCK_LOG_LEVEL: 'error',
    };
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['dist/main.js', 'serve', '--json'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        ...this.environment,
        ...(existsSync(this.caPath) && { NODE_EXTRA_CA_CERTS: this.caPath }),
      },
    });
    this.#child = child;
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString('utf8')));
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error(`the relay ended before it listened: ${complaints}`))),
    ]);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  async dispose(): Promise<void> {
    if (this.#child !== undefined) await killProcess(this.#child);
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
