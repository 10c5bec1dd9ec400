/** Process entry: hands the process over to the command line and turns its answer into an exit code. */
import { spawn } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';

import { runCli } from './cli/program.js';
import type { Io } from './cli/support/io.js';

const stopping = new AbortController();
let stoppedAt = 0;
const taken = new Set<NodeJS.Signals>();

/** npm, and whoever else stands between the terminal and us, passes on a Ctrl-C that reached us already. */
const SAME_KEYPRESS_MS = 1000;
const LOOK_MS = 1000;

/** Signals are taken over only by commands that can stop gracefully; all others end as Node ends. */
function stopSignal({ attended = false } = {}): AbortSignal {
  // A terminal that is closed ends what somebody watched there, but not a server started with nohup.
  for (const signal of ['SIGINT', 'SIGTERM', ...(attended ? (['SIGHUP'] as const) : [])] as const) {
    if (taken.has(signal)) continue;
    taken.add(signal);
    process.on(signal, () => {
      if (!stopping.signal.aborted) stop();
      else if (performance.now() - stoppedAt > SAME_KEYPRESS_MS) process.exit(1);
    });
  }
  if (attended) watchWatchers();
  return stopping.signal;
}

function stop(): void {
  if (stopping.signal.aborted) return;
  stoppedAt = performance.now();
  stopping.abort();
}

/**
 * Ends what nobody watches any more. npm passes a SIGTERM on to the shell it started us with, which dies without a word to us:
 * another parent than at the start says so.
 */
function watchWatchers(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, LOOK_MS).unref();
  if (fstatSync(1).isFIFO()) watchReader();
}

/**
 * Whoever writes into a pipe that nobody reads is told; whoever has nothing to write would have to poll it, which Node cannot.
 * GNU tail does: following an empty file it ends by SIGPIPE when its output has no reader. Any other tail ends otherwise, or
 * not at all, and then the next word that is written tells.
 */
function watchReader(): void {
  const tail = spawn('tail', ['-f', `--pid=${process.pid}`, '/dev/null'], { stdio: ['ignore', 'inherit', 'ignore'] });
  tail.once('error', () => undefined);
  tail.once('exit', (_code, signal) => {
    if (signal === 'SIGPIPE') stop();
  });
  tail.unref();
  process.once('exit', () => tail.kill());
}

// A reader that went away (`openlock audit --follow | head`) is no error of ours. Whoever can stop in order does; what it says
// while it does so fails in the same way.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (taken.size > 0) stop();
    else process.exit(0);
  });
}

/** An account may have a number and no name, in containers for instance. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

const io: Io = {
  environment: process.env,
  entry: fileURLToPath(import.meta.url),
  user: userName(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stopSignal,
};
const exitCode = await runCli(process.argv.slice(2), io);

// Whatever still runs has no business any more; what was written must get out first.
process.exitCode = exitCode;
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
