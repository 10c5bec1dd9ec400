import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import type { Config } from '../../config.js';
import { isErrno, OWNER_ONLY, replaceFile } from '../../files.js';
import { CommandFailure } from './failure.js';

/**
 * Where the relays of a data dir listen, as each said itself when it started, in a file of its own: the port may have been
 * picked because the wanted one was taken. `openlock command` and `openlock status` find a running relay by it.
 */
const addressSchema = z.object({
  /** The first of its public origins: the issuer of its tokens. */
  publicOrigin: z.string(),
  /** Where it is reached on this machine. */
  host: z.string(),
  port: z.int(),
  tls: z.boolean(),
  pid: z.int(),
  /** Unix milliseconds. */
  startedAt: z.number(),
});
export type RelayAddress = z.infer<typeof addressSchema>;

const ANY_ADDRESS = ['0.0.0.0', '::', ''];

/** The host a listener is reached by on this machine: an address that means "all of them" is none to call. */
export const callableHost = (host: string): string => (ANY_ADDRESS.includes(host) ? 'localhost' : host);

const folderOf = (dataDir: string): string => join(dataDir, 'relays');
const fileOf = (dataDir: string, pid: number): string => join(folderOf(dataDir), `${pid}.json`);

/** Leaves the address of this process's relay for other processes of this machine; the returned function takes it back. */
export function publishRelay(
  config: Config,
  urls: { readonly port: number; readonly publicOrigins: readonly string[] },
): () => void {
  const { dataDir, host, tls } = config;
  const address: RelayAddress = {
    publicOrigin: urls.publicOrigins[0] ?? localOrigin(urls),
    host: callableHost(host),
    port: urls.port,
    tls,
    pid: process.pid,
    startedAt: Date.now(),
  };
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 });
  // Killed relays leave theirs behind.
  for (const pid of pidsIn(dataDir)) if (!isAlive(pid)) rmSync(fileOf(dataDir, pid), { force: true });
  replaceFile(fileOf(dataDir, process.pid), OWNER_ONLY, `${JSON.stringify(address)}\n`);
  return () => rmSync(fileOf(dataDir, process.pid), { force: true });
}

/** The relays that say they run on this data dir, and whose process is there; the one that started last comes first. */
export function runningRelays(dataDir: string): readonly RelayAddress[] {
  return pidsIn(dataDir)
    .filter(isAlive)
    .map((pid) => readAddress(dataDir, pid))
    .filter((address) => address !== undefined)
    .filter((address) => !isOfEarlierProcess(address))
    .sort((a, b) => b.startedAt - a.startedAt);
}

/** Of {@link runningRelays} the one to call. */
export function runningRelay(dataDir: string): RelayAddress | undefined {
  return runningRelays(dataDir)[0];
}

/** The address of the relay that runs on this data dir; by the configuration where none has said. */
export function relayAddress(config: Config): RelayAddress {
  const running = runningRelay(config.dataDir);
  if (running !== undefined) return running;
  return {
    publicOrigin: config.publicUrls[0] ?? localOrigin(config),
    host: callableHost(config.host),
    port: config.port,
    tls: config.tls,
    pid: 0,
    startedAt: 0,
  };
}

/** As {@link relayAddress}, for those who are about to call it. Throws CommandFailure when nobody can know the port. */
export function callableRelay(config: Config): RelayAddress {
  const address = relayAddress(config);
  if (address.port === 0)
    throw new CommandFailure(
      'relay_unreachable',
      `No relay runs on ${config.dataDir}, and OPENLOCK_PORT=0 does not tell where one would listen.`,
    );
  return address;
}

/** The default of `OPENLOCK_PUBLIC_URL` (protocol 11.1). */
function localOrigin(config: Pick<Config, 'port'>): string {
  return `https://localhost:${config.port}`;
}

function pidsIn(dataDir: string): readonly number[] {
  try {
    return readdirSync(folderOf(dataDir))
      .map((name) => Number(/^([1-9][0-9]*)\.json$/.exec(name)?.[1]))
      .filter((pid) => !Number.isNaN(pid));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function readAddress(dataDir: string, pid: number): RelayAddress | undefined {
  try {
    return addressSchema.parse(JSON.parse(readFileSync(fileOf(dataDir, pid), 'utf8')));
  } catch {
    // Withdrawn this moment, or written by a version that knows other members: another relay, or the configuration, will do.
    return undefined;
  }
}

/** Left by a relay that had this very process id: the first process of a container has the same one every time. */
function isOfEarlierProcess({ pid, startedAt }: RelayAddress): boolean {
  return pid === process.pid && startedAt < Date.now() - process.uptime() * 1000;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
