/** The command line under test: in this process with a terminal of its own, or as a real process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { runCli } from '../../../src/cli/program.js';
import type { Io, Sink } from '../../../src/cli/support/io.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TSX = fileURLToPath(import.meta.resolve('tsx'));

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Environment = Readonly<Record<string, string>>;

/** A sink that keeps what was written. */
export class Recorder implements Sink {
  text = '';
  readonly #listeners = new Set<() => void>();

  constructor(readonly isTTY: boolean = false) {}

  write(text: string): boolean {
    this.text += text;
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** Resolves once what was written matches. */
  async until(pattern: RegExp): Promise<void> {
    if (pattern.test(this.text)) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!pattern.test(this.text)) return;
        this.#listeners.delete(check);
        resolve();
      };
      this.#listeners.add(check);
    });
  }
}

export interface TestIo extends Io {
  readonly stdout: Recorder;
  readonly stderr: Recorder;
  /** As Ctrl-C. */
  stop(): void;
}

export function testIo(
  options: { readonly environment?: Environment; readonly input?: string; readonly isTTY?: boolean } = {},
): TestIo {
  const stopping = new AbortController();
  return {
    user: 'tester',
    entry: join(ROOT, 'src/main.ts'),
    environment: { OPENLOCK_LOG_LEVEL: 'silent', ...options.environment },
    stdin: Readable.from([Buffer.from(options.input ?? '')]) as unknown as NodeJS.ReadStream,
    stdout: new Recorder(options.isTTY),
    stderr: new Recorder(options.isTTY),
    stopSignal: () => stopping.signal,
    stop: () => stopping.abort(),
  };
}

/** Runs a command line in this process. */
export async function cli(args: readonly string[], io: TestIo = testIo()): Promise<Outcome> {
  const code = await runCli(args, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}

/** A data dir of the test's own. */
export function dataDir(): { readonly path: string; readonly environment: Environment; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'openlock-cli-'));
  return {
    path,
    environment: { OPENLOCK_DATA_DIR: path },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Starts the command line as a process of its own, from the sources, with nothing of this machine's OPENLOCK_ settings. */
export function startCli(
  args: readonly string[],
  environment: Environment = {},
): ChildProcess & { readonly done: Promise<Outcome> } {
  return startNode(['--import', TSX, join(ROOT, 'src/main.ts'), ...args], environment);
}

export function startNode(
  args: readonly string[],
  environment: Environment = {},
): ChildProcess & { readonly done: Promise<Outcome> } {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OPENLOCK_'));
  const child = spawn(process.execPath, args, {
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end();
  const done = once(child, 'close').then(([code]) => ({ code: Number(code ?? -1), stdout, stderr }));
  return Object.assign(child, { done });
}
