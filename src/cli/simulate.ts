import { readFileSync } from 'node:fs';

import type { Command } from 'commander';

import type { Config } from '../config.js';
import type { Operator } from '../app/operator.js';
import { OpenLockError } from '../protocol/problem.js';
import { RELEASE_LIMITS } from '../protocol/release.js';
import type { FleetDoor, FleetStatistics } from '../simulator/index.js';
import { releaseKeyFrom } from './firmware/key-files.js';
import { addCommand, optionWithDefault, wholeNumber, type JsonOption } from './support/arguments.js';
import { CommandFailure, UsageError } from './support/failure.js';
import type { Io } from './support/io.js';
import type { Printer } from './support/printer.js';
import { ownAuthority } from './support/relay-client.js';
import { callableRelay } from './support/relay-address.js';
import { Run } from './support/run.js';

/** Every simulated door has it; there is nothing behind them. */
export const SIMULATED_PASSWORD = 'simulated-door';
/** What a release for simulated doors must be signed for; they run {@link SIMULATED_VERSION}. */
const SIMULATED_BOARD = 'simulator';
const SIMULATED_VERSION = '0.1.0';
const ENROL_AT_ONCE = 64;
/** Making a key for each of thousands of doors would take minutes; for load a few shared ones do. */
const SHARED_KEYS = 8;

interface SimulateOptions extends JsonOption {
  readonly doors: number;
  readonly prefix: string;
  readonly relay?: string;
  readonly ca?: string;
  readonly rate: number;
  readonly seconds?: number;
  readonly blind?: true;
  readonly releaseKey?: readonly string[];
  readonly keep?: true;
}

/** `openlock simulate`: many faithful doors in this process, for load. */
export function registerSimulate(program: Command, io: Io): void {
  addCommand(program, 'simulate', 'enrol simulated doors and connect them to a relay until Ctrl-C', [
    'openlock simulate --doors 100',
    'OPENLOCK_ADDRESS_RATE=5000 OPENLOCK_ADDRESS_HANDSHAKES=5000 openlock serve   # in another terminal: these doors all come from one address',
    'openlock simulate --doors 5000 --rate 2000 --seconds 60 --json',
    `echo ${SIMULATED_PASSWORD} | openlock command unlock sim-00001`,
    `openlock simulate --doors 20 --release-key release-key.pub.pem   # then: openlock rollout start <version> --board ${SIMULATED_BOARD}`,
  ])
    .requiredOption('--doors <n>', 'how many', wholeNumber('--doors', 1, 100_000))
    .addOption(optionWithDefault('--prefix <text>', 'their ids are <prefix>-00001 and so on', String, 'sim'))
    .option('--relay <origin>', 'the relay as doors call it (default: the one of this data dir)')
    .option('--ca <file>', 'PEM of the authority to trust (default: the local one, if there is one)')
    .option(
      '--rate <n>',
      'requests a second while connecting; a relay takes OPENLOCK_ADDRESS_RATE (50) and OPENLOCK_ADDRESS_HANDSHAKES (100) from one address',
      wholeNumber('--rate', 1, 1_000_000),
      40,
    )
    .option('--seconds <n>', 'end this long after they begin to connect', wholeNumber('--seconds', 1, 1_000_000))
    .option('--blind', 'answer commands without opening them: loads the relay, not this process')
    .option(
      '--release-key <pem>',
      `public key file; firmware signed by it for board ${SIMULATED_BOARD} above ${SIMULATED_VERSION} is taken (up to ${RELEASE_LIMITS.doorKeys} times)`,
      collect,
    )
    .option('--keep', 'leave the doors enrolled when it ends')
    .action((options: SimulateOptions) => simulate(io, options));
}

async function simulate(io: Io, options: SimulateOptions): Promise<void> {
  const run = new Run(io, options);
  const config = run.config();
  const fleet = fleetOptions(config, options);
  // Taken over before anything is enrolled, so that Ctrl-C cleans up.
  const interrupt = io.stopSignal();
  const ids = Array.from(
    { length: options.doors },
    (_, index) => `${options.prefix}-${String(index + 1).padStart(5, '0')}`,
  );
  const doors = await run.operator((operator) => eachOf(ids, (id) => enrol(operator, id)));
  run.print.note(
    `${doors.length} doors enrolled; connecting at ${options.rate} requests a second. Their password: ${SIMULATED_PASSWORD}`,
  );
  const { DoorIdentity, runFleet } = await import('../simulator/index.js');
  const keys = await Promise.all(
    Array.from({ length: Math.min(SHARED_KEYS, doors.length) }, () => DoorIdentity.generate()),
  );
  const signal = endOf(interrupt, options.seconds);
  const statistics = await runFleet({ ...fleet, doors, keys, signal, onProgress: progress(run.print) });
  if (options.keep !== true) await run.operator((operator) => eachOf(ids, (id) => operator.doors.remove(id)));
  // A live connection that was lost again has been one.
  if (statistics.connected === 0 && statistics.disconnects === 0)
    throw new CommandFailure('never_connected', `No door ever connected to ${fleet.relayUrl}${troubles(statistics)}.`, {
      statistics,
    });
  run.print.value(statistics);
  run.print.line(summary(statistics));
}

function fleetOptions(config: Config, options: SimulateOptions) {
  const ca = options.ca === undefined ? ownAuthority(config) : readFileSync(options.ca, 'utf8');
  const releaseKeys = (options.releaseKey ?? []).map((path) => releaseKeyFrom(path).pem);
  return {
    relayUrl: options.relay ?? callableRelay(config).publicOrigin,
    password: SIMULATED_PASSWORD,
    requestsPerSecond: options.rate,
    firmware: { version: SIMULATED_VERSION, board: SIMULATED_BOARD, securityVersion: 0 },
    ...(releaseKeys.length > 0 && { updates: { releaseKeys } }),
    ...(ca !== undefined && { ca }),
    ...(options.blind === true && { answer: 'blind' as const }),
  };
}

/** Each `--release-key` adds one. */
function collect(path: string, before: readonly string[] | undefined): readonly string[] {
  if (before?.length === RELEASE_LIMITS.doorKeys)
    throw new UsageError(`--release-key: a door trusts up to ${RELEASE_LIMITS.doorKeys} keys.`);
  return [...(before ?? []), path];
}

const NAME = 'simulated';

/** A new door, or a new token for one an earlier simulation left; never for a door of anybody else's. */
async function enrol(operator: Operator, doorId: string): Promise<FleetDoor> {
  const existing = await operator.doors.show(doorId).catch((error: unknown) => {
    if (error instanceof OpenLockError && error.code === 'door_not_found') return undefined;
    throw error;
  });
  if (existing !== undefined && existing.name !== NAME)
    throw new CommandFailure('door_exists', `Door ${doorId} is no simulated one; choose another --prefix.`);
  const { enrolmentToken } =
    existing === undefined ? await operator.doors.add(doorId, { name: NAME }) : await operator.doors.reset(doorId);
  return { doorId, enrolmentToken };
}

/** Some at a time, in order. */
async function eachOf<T>(ids: readonly string[], work: (id: string) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let at = 0; at < ids.length; at += ENROL_AT_ONCE)
    results.push(...(await Promise.all(ids.slice(at, at + ENROL_AT_ONCE).map(work))));
  return results;
}

/** Ctrl-C, or the time that was given. (AbortSignal.any over a timeout can be lost to garbage collection in Node 20.) */
function endOf(signal: AbortSignal, seconds: number | undefined): AbortSignal {
  if (seconds === undefined) return signal;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  setTimeout(end, seconds * 1000).unref();
  return ending.signal;
}

/** Prints the figures whenever they have changed. */
function progress(print: Printer): (now: FleetStatistics) => void {
  let last = '';
  return (now) => {
    const line = `${now.connected}/${now.doors} connected, ${now.commands} commands answered, ${now.disconnects} disconnects${updates(now)}${troubles(now)}`;
    if (line !== last) print.note(line);
    last = line;
  };
}

function summary(now: FleetStatistics): string {
  const all =
    now.allConnectedMs === undefined
      ? 'never all connected'
      : `all connected after ${(now.allConnectedMs / 1000).toFixed(1)} s`;
  return `${now.doors} doors, ${all}; ${now.commands} commands answered, ${now.executed} executed, ${now.duplicates} duplicates${updates(now)}${troubles(now)}`;
}

function updates({ updates: seen }: FleetStatistics): string {
  if (seen === undefined) return '';
  const { offers, confirmed, refused, failed, rolledBack, bytes } = seen;
  return `; updates: ${offers} offered, ${confirmed} confirmed, ${refused} refused, ${failed} failed, ${rolledBack} rolled back, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function troubles({ troubles: by }: FleetStatistics): string {
  const entries = Object.entries(by);
  return entries.length === 0 ? '' : `; troubles: ${entries.map(([name, count]) => `${name} ×${count}`).join(', ')}`;
}
