import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import type { Config } from '../../config.js';
import { CommandFailure } from './failure.js';

/**
 * Where the relay of a data dir listens, as it said itself when it started: the port may have been picked because the
 * wanted one was taken. `openlock command` and `openlock status` find the running relay by it.
 */
const addressSchema = z.object({
  /** The first of its public origins: the issuer of its tokens. */
  publicOrigin: z.string(),
  /** What it listens on. */
  host: z.string(),
  port: z.int(),
  tls: z.boolean(),
  pid: z.int(),
});
export type RelayAddress = z.infer<typeof addressSchema>;

const fileOf = (dataDir: string): string => join(dataDir, 'relay.json');

/** Leaves the address of this process's relay for other processes of this machine; the returned function takes it back. */
export function publishRelay(
  config: Config,
  urls: { readonly port: number; readonly publicOrigins: readonly string[] },
): () => void {
  const { dataDir, host, tls } = config;
  const address: RelayAddress = {
    publicOrigin: urls.publicOrigins[0] ?? localOrigin(urls),
    host,
    port: urls.port,
    tls,
    pid: process.pid,
  };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(fileOf(dataDir), `${JSON.stringify(address)}\n`, { mode: 0o600 });
  return () => {
    if (readAddress(dataDir)?.pid === address.pid) rmSync(fileOf(dataDir), { force: true });
  };
}

/** The relay that says it runs on this data dir, if its process is there. */
export function runningRelay(dataDir: string): RelayAddress | undefined {
  const said = readAddress(dataDir);
  return said !== undefined && isAlive(said.pid) ? said : undefined;
}

/** The address of the relay that runs on this data dir; by the configuration where none has said. */
export function relayAddress(config: Config): RelayAddress {
  const running = runningRelay(config.dataDir);
  if (running !== undefined) return running;
  return {
    publicOrigin: config.publicUrls[0] ?? localOrigin(config),
    host: config.host,
    port: config.port,
    tls: config.tls,
    pid: 0,
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

function readAddress(dataDir: string): RelayAddress | undefined {
  try {
    return addressSchema.parse(JSON.parse(readFileSync(fileOf(dataDir), 'utf8')));
  } catch {
    // None there, or left half-written by a killed process: the configuration is as good a guess.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
