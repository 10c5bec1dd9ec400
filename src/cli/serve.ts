import { availableParallelism } from 'node:os';

import type { Command } from 'commander';

import type { App, RelayUrls } from '../app/app.js';
import type { Host, HostLink, HostMember, HostOptions } from '../app/host.js';
import { readConfig, type Config } from '../config.js';
import { ProcessError } from '../host/process-error.js';
import { addCommand, optionWithDefault, type JsonOption } from './support/arguments.js';
import { CommandFailure, toFailure, UsageError } from './support/failure.js';
import { aborted, type Io } from './support/io.js';
import { styled } from './support/printer.js';
import { callableHost, publishRelay } from './support/relay-address.js';
import { Run } from './support/run.js';
import { startFailure } from './support/start-failure.js';
import { visible } from './support/visible.js';

/** A graceful stop takes less (under 10 s); after that the process ends as it is. */
const STOP_LIMIT_MS = 9_500;
const MOST_PROCESSES = 64;

interface ServeOptions extends JsonOption {
  readonly processes: number;
}

/** `openlock serve`: runs a relay, in one process or several, until SIGTERM or Ctrl-C. */
export function registerServe(program: Command, io: Io): void {
  addCommand(program, 'serve', 'run a relay until SIGTERM or Ctrl-C; a second signal ends it at once', [
    'openlock serve',
    'openlock serve --processes auto   # one process a processor, all behind the one port',
    'OPENLOCK_PUBLIC_URL=https://relay.example OPENLOCK_REDIS_URL=redis://10.0.0.5 openlock serve',
    'openlock serve --json   # prints one JSON value when it listens; the log goes to standard error',
  ])
    .addOption(
      optionWithDefault('--processes <n>', 'relay processes, 1 to 64, or auto: one a processor', processCount, '1'),
    )
    .action(async (options: ServeOptions) => {
      const { hostLink } = await import('../app/host.js');
      const link = hostLink();
      if (link === undefined) await serve(new Run(io, options), options.processes);
      else await serveAsOneOfMany(io, link);
    });
}

/** What a person started: one relay, or the parent of several. */
async function serve(run: Run, processes: number): Promise<void> {
  const stop = run.io.stopSignal();
  const config = run.config();
  let withdraw = (): void => undefined;
  const publish = (urls: Pick<RelayUrls, 'port' | 'publicOrigins'>): void => {
    withdraw = publishRelay(config, urls);
  };
  const relay =
    processes === 1
      ? await oneProcess(config)
      : await manyProcesses(config, { count: processes, entry: run.io.entry, stopSignal: stop, onMoved: publish });
  const urls = await started(relay, stop);
  if (urls === undefined) return;
  publish(urls);
  try {
    tell(run, config, urls, processes);
    await Promise.race([aborted(stop), ...(relay.hopeless === undefined ? [] : [relay.hopeless])]);
  } catch (error) {
    await relay.stop();
    throw startFailure(error);
  } finally {
    withdraw();
  }
  run.print.note('Stopping: doors are sent elsewhere, commands under way are finished. A second signal ends at once.');
  await stopped(relay);
}

/** What a parent started: one of several relays, which says to it whatever it would say to a person. */
async function serveAsOneOfMany(io: Io, link: HostLink): Promise<void> {
  const stop = AbortSignal.any([io.stopSignal(), link.stopSignal]);
  const member = await link.join();
  if (member === undefined) return;
  try {
    const relay = await oneProcess(readConfig(io.environment), member);
    await link.listening(await relay.start());
    await aborted(stop);
    await stopped(relay);
  } catch (error) {
    const { error: failure, unexpected } = toFailure(startFailure(error));
    const lines = unexpected && error instanceof Error ? (error.stack ?? '').split('\n') : [];
    for (const line of lines) io.stderr.write(`${visible(line)}\n`);
    await link.failed(failure);
  }
}

type Relay = App & Partial<Pick<Host, 'hopeless'>>;

async function oneProcess(config: Config, member?: HostMember): Promise<Relay> {
  const { createApp } = await import('../app/app.js');
  const app = createApp(config, { member });
  return { ...app, stop: () => withinLimit(app.stop(), STOP_LIMIT_MS) };
}

async function manyProcesses(config: Config, options: HostOptions): Promise<Relay> {
  const { createHost } = await import('../app/host.js');
  return createHost(config, options);
}

/** `undefined`: several processes were stopped while they started; a Ctrl-C also ends one that cannot stop in order yet. */
async function started(relay: Relay, stop: AbortSignal): Promise<RelayUrls | undefined> {
  try {
    return await relay.start();
  } catch (error) {
    if (stop.aborted && error instanceof ProcessError) return undefined;
    throw startFailure(error);
  }
}

async function stopped(relay: Relay): Promise<void> {
  try {
    await relay.stop();
  } catch (error) {
    throw startFailure(error);
  }
}

function tell(run: Run, config: Config, urls: RelayUrls, processes: number): void {
  const host = callableHost(config.host);
  run.print.value({ host, ...urls, ...(processes > 1 && { processes }) });
  run.print.line(
    styled('green', 'OpenLock listens'),
    ` on ${host === config.host ? host : 'every address of this machine,'} port ${urls.port}, known as ${urls.publicOrigins.join(' ')}`,
  );
  if (processes > 1) run.print.line(`Served by ${processes} processes; this one looks after them`);
  if (urls.caPath !== undefined)
    run.print.line(`Certificate by a local authority; doors and clients trust it by ${urls.caPath}`);
  if (urls.metricsUrl !== undefined) run.print.line(`Metrics on ${urls.metricsUrl}`);
}

/** A whole number, or as many as this machine has processors for us. */
function processCount(text: string): number {
  if (text === 'auto') return Math.min(availableParallelism(), MOST_PROCESSES);
  if (/^[1-9][0-9]?$/.test(text) && Number(text) <= MOST_PROCESSES) return Number(text);
  throw new UsageError(`--processes is a whole number from 1 to ${MOST_PROCESSES}, or auto.`);
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
