/**
 * Writes a store as versions before layout 2 left it, key by key: frozen, as those versions are. Names and formats are those their
 * table of keys described and their functions wrote.
 */
import type { RedisClient } from '../../../../src/store/redis-client.js';

export interface Layout1Command {
  readonly id: string;
  readonly site: string;
  readonly state: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly deadline: number;
  readonly status?: number;
  readonly settledAt?: number;
  readonly counted?: boolean;
  readonly jwe?: string;
  readonly receipt?: string;
  /** Audit entry of its submission, while it is under way. */
  readonly submitted?: string;
}

export interface Layout1Door {
  /** None: the door was removed. */
  readonly record?: Readonly<Record<string, string | number>>;
  readonly grants?: Readonly<Record<string, string>>;
  readonly live?: Readonly<Record<string, string | number>>;
  readonly state?: Readonly<Record<string, string | number>>;
  /** Challenge -> end. */
  readonly nonces?: Readonly<Record<string, number>>;
  /** Site -> refusals. */
  readonly cooldowns?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly commands?: readonly Layout1Command[];
  /** Entries by their ids. */
  readonly audit?: Layout1Stream;
  readonly traffic?: Layout1Stream;
  readonly fold?: Readonly<Record<string, string | number>>;
}

export interface Layout1Stream {
  readonly entries: readonly (readonly [id: string, entry: string])[];
  /** Entries the bound pushed out, and nobody was told of. */
  readonly dropped?: number;
  /** Entries, of those above, that were exported again. */
  readonly exported?: readonly string[];
}

const COMMAND_MS = 600_000;
const RECEIPT_MS = 60_000;
const COOLDOWN_MS = 30 * 24 * 3_600_000;
const NONCE_MS = 70_000;

export async function writeLayout1Door(client: RedisClient, doorId: string, door: Layout1Door): Promise<void> {
  const tag = `ol:{door:${doorId}}`;
  await client.sadd('ol:doors', doorId);
  const hashes = {
    record: door.record,
    grants: door.grants,
    live: door.live,
    state: door.state,
    'audit-fold': door.fold,
  };
  for (const [name, fields] of Object.entries(hashes))
    if (fields !== undefined) await client.hset(`${tag}:${name}`, fields);
  for (const [nonce, end] of Object.entries(door.nonces ?? {})) await client.zadd(`${tag}:nonces`, end, nonce);
  await client.pexpire(`${tag}:nonces`, NONCE_MS);
  for (const [site, fields] of Object.entries(door.cooldowns ?? {})) {
    await client.hset(`${tag}:cooldown:${site}`, fields);
    await client.pexpire(`${tag}:cooldown:${site}`, COOLDOWN_MS);
  }
  for (const command of door.commands ?? []) await writeCommand(client, tag, command);
  await writeStream(client, `${tag}:audit`, door.audit);
  await writeStream(client, `${tag}:audit-traffic`, door.traffic);
}

async function writeCommand(client: RedisClient, tag: string, command: Layout1Command): Promise<void> {
  const { id, site, state, at, deadline, status, settledAt, counted, jwe, receipt, submitted } = command;
  await client.hset(`${tag}:command:${id}`, {
    ...{ state, site, node: 'relay-1.a', at, deadline },
    ...(status !== undefined && { status }),
    ...(settledAt !== undefined && { settledAt }),
    ...(counted === true && { counted: '1' }),
  });
  await client.pexpireat(`${tag}:command:${id}`, at + COMMAND_MS);
  if (jwe !== undefined) {
    await client.set(`${tag}:jwe:${id}`, jwe);
    await client.pexpireat(`${tag}:jwe:${id}`, deadline);
  }
  if (receipt !== undefined) await client.set(`${tag}:receipt:${id}`, receipt, 'PX', RECEIPT_MS);
  if (submitted !== undefined) await client.hset(`${tag}:under-way`, id, `${deadline}|${site}|${submitted}`);
}

async function writeStream(client: RedisClient, key: string, stream: Layout1Stream | undefined): Promise<void> {
  if (stream === undefined) return;
  const { entries, dropped = 0, exported = [] } = stream;
  for (const [id, entry] of entries) await client.xadd(key, id, 'e', entry);
  if (exported.length > 0) await client.xdel(key, ...exported);
  const added = String(entries.length - exported.length + dropped);
  await client.call(
    'XSETID',
    key,
    entries.at(-1)?.[0] ?? '0-1',
    'ENTRIESADDED',
    added,
    'MAXDELETEDID',
    exported.at(-1) ?? '0-0',
  );
}
