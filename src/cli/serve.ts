import type { Command } from 'commander';

import type { App, RelayUrls } from '../app/app.js';
import { addCommand, type JsonOption } from './support/arguments.js';
import { CommandFailure } from './support/failure.js';
import { aborted, type Io } from './support/io.js';
import { styled } from './support/printer.js';
import { callableHost, publishRelay } from './support/relay-address.js';
import { Run } from './support/run.js';
import { startFailure } from './support/start-failure.js';

/** A graceful stop takes less (under 10 s); after that the process ends as it is. */
const STOP_LIMIT_MS = 9_500;

/** `openlock serve`: runs a relay until SIGTERM or Ctrl-C. */
export function registerServe(program: Command, io: Io): void {
  addCommand(program, 'serve', 'run a relay until SIGTERM or Ctrl-C; a second signal ends it at once', [
    'openlock serve',
    'OPENLOCK_PUBLIC_URL=https://relay.example OPENLOCK_REDIS_URL=redis://10.0.0.5 openlock serve',
    'openlock serve --json   # prints one JSON value when it listens; the log goes to standard error',
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const stop = io.stopSignal();
    const config = run.config();
    const { createApp } = await import('../app/app.js');
    const app = createApp(config);
    const urls = await started(app);
    const withdraw = publishRelay(config, urls);
    const host = callableHost(config.host);
    run.print.value({ host, ...urls });
    run.print.line(
      styled('green', 'OpenLock listens'),
      ` on ${host === config.host ? host : 'every address of this machine,'} port ${urls.port}, known as ${urls.publicOrigins.join(' ')}`,
    );
    if (urls.caPath !== undefined)
      run.print.line(`Certificate by a local authority; doors and clients trust it by ${urls.caPath}`);
    if (urls.metricsUrl !== undefined) run.print.line(`Metrics on ${urls.metricsUrl}`);
    await aborted(stop);
    withdraw();
    run.print.note(
      'Stopping: doors are sent elsewhere, commands under way are finished. A second signal ends at once.',
    );
    await withinLimit(app.stop(), STOP_LIMIT_MS);
  });
}

async function started(app: App): Promise<RelayUrls> {
  try {
    return await app.start();
  } catch (error) {
    throw startFailure(error);
  }
}

async function withinLimit(work: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new CommandFailure('slow_stop', `The relay did not stop within ${limitMs / 1000} s and was ended as it was.`),
        ),
      limitMs,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
