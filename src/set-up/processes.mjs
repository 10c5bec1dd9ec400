// Running other programs from the set-up: always without a shell, always without standard input, always with an end.
import { spawn, spawnSync } from 'node:child_process';

/** A sentence for the person at the keyboard; set-up prints it without a stack and exits 1. */
export class SetUpError extends Error {}

/** True when `command` can be started and answers with exit code 0. */
export function answers(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/** What `command` prints on standard output, or undefined when it cannot be run. */
export function outputOf(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] });
  return result.status === 0 ? result.stdout : undefined;
}

/**
 * Runs a program to its end and resolves to `{ code, output }`.
 * Options: `cwd`; `env`; `live` (print its output as it comes); `limitMs` (ended after that, which counts as a failure);
 * `signal` (ends it as a SIGTERM of ours does).
 */
export function run(command, args, { cwd, env, live = false, limitMs = 15 * 60_000, signal } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let timedOut = false;
    const take = (target) => (chunk) => {
      output += chunk;
      if (live) target.write(chunk);
    };
    child.stdout.on('data', take(process.stdout));
    child.stderr.on('data', take(process.stderr));
    const stop = (signal) => child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    const abort = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    const limit = setTimeout(() => {
      timedOut = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
    }, limitMs);
    const end = (code, extra) => {
      clearTimeout(limit);
      process.off('SIGINT', stop).off('SIGTERM', stop);
      signal?.removeEventListener('abort', abort);
      resolve({ code, output: output + extra });
    };
    child.once('error', (error) => end(127, `${command}: ${error.message}\n`));
    child.once('close', (code) =>
      end(
        timedOut ? 124 : (code ?? 1),
        timedOut ? `\nended after ${limitMs / 1000} s without an end of its own\n` : '',
      ),
    );
  });
}

/** Runs a program that must succeed; its output is shown only when it does not. */
export async function must(what, command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new SetUpError(`${output.slice(-4000)}\n${what} failed (exit code ${code}).`);
}

/** One line for one thing done. Standard error, so that standard output stays the task's own. */
export function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}
