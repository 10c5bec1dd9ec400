/** Process entry: hands the process over to the command line and turns its answer into an exit code. */
import { runCli } from './cli/program.js';
import type { Io } from './cli/support/io.js';

const stopping = new AbortController();
let listening = false;

/** Signals are taken over only by commands that can stop gracefully; all others end as Node ends. */
function stopSignal(): AbortSignal {
  if (!listening) {
    listening = true;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stopping.signal.aborted) process.exit(1);
        stopping.abort();
      });
    }
  }
  return stopping.signal;
}

// A reader that went away (`openlock audit --follow | head`) is no error of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (listening && !stopping.signal.aborted) stopping.abort();
    else process.exit(0);
  });
}

const io: Io = {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stopSignal,
};
const exitCode = await runCli(process.argv.slice(2), io);

// Whatever still runs has no business any more; what was written must get out first.
process.exitCode = exitCode;
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
