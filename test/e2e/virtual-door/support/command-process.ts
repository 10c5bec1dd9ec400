/** A command line of its own process whose standard input stays open, as a terminal's does, and whose output can be awaited. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { ROOT, type Environment, type Outcome } from '../../../cli/support/cli.js';

export interface CommandProcess {
  readonly child: ChildProcess;
  readonly done: Promise<Outcome>;
  stdout(): string;
  /** Resolves when standard output matches; rejects when it ends before. */
  says(pattern: RegExp): Promise<void>;
  /** SIGTERM, then waits; SIGKILL after 15 s. */
  end(): Promise<void>;
}

/** `input` is sent and leaves standard input open; without it standard input is empty and closed. */
export function startCommand(args: readonly string[], environment: Environment, input?: string): CommandProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OPENLOCK_'));
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'src/main.ts'), ...args], {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const checks = new Set<() => void>();
  const tell = (): void => [...checks].forEach((check) => check());
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    tell();
  });
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  if (input === undefined) child.stdin.end();
  else child.stdin.write(input);
  let ended = false;
  const done = once(child, 'close').then(([code]): Outcome => {
    ended = true;
    tell();
    return { code: Number(code ?? -1), stdout, stderr };
  });
  return {
    child,
    done,
    stdout: () => stdout,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!pattern.test(stdout) && !ended) return;
          checks.delete(check);
          if (pattern.test(stdout)) resolve();
          else reject(new Error(`it ended without ${pattern}: ${stdout} ${stderr}`));
        };
        checks.add(check);
        check();
      }),
    async end() {
      child.kill('SIGTERM');
      const hard = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await done;
      clearTimeout(hard);
    },
  };
}
