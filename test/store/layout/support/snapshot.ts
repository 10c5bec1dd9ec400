import type { Redis } from 'ioredis';

import { mastersOf, type RedisClient } from '../../../../src/store/redis-client.js';

/**
 * Everything the store holds, key by key, in a form that can be compared; of times to live only whether there is one, and of entries of
 * streams after `since` (Unix milliseconds) not their ids.
 */
export async function snapshot(client: RedisClient, since = Infinity): Promise<Readonly<Record<string, unknown>>> {
  const all: Record<string, unknown> = {};
  for (const master of mastersOf(client)) {
    for (const key of (await master.keys('*')).sort())
      all[key] = { ends: (await master.pttl(key)) >= 0, holds: await contents(master, key, since) };
  }
  return all;
}

async function contents(client: Redis, key: string, since: number): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return client.get(key);
    case 'hash':
      return Object.fromEntries(Object.entries(await client.hgetall(key)).map(withoutLastRefusal));
    case 'set':
      return (await client.smembers(key)).sort();
    case 'zset':
      return client.zrange(key, 0, -1, 'WITHSCORES');
    case 'stream':
      return stream(client, key, (id) => (Number(id.split('-')[0]) > since ? 'later' : id));
    default:
      throw new Error(`${key} is of a type nobody expects`);
  }
}

/** When a site was last refused at a door follows from a time to live, give or take a millisecond. */
function withoutLastRefusal([field, value]: [string, string]): [string, string] {
  return [field, field.startsWith('c:') ? value.replace(/\d+$/, '') : value];
}

async function stream(client: Redis, key: string, named: (id: string) => string): Promise<unknown> {
  const info = (await client.call('XINFO', 'STREAM', key)) as (string | number)[];
  const told = (name: string): string => String(info[info.indexOf(name) + 1]);
  return {
    entries: (await client.xrange(key, '-', '+')).map(([id, fields]) => [named(id), fields]),
    length: told('length'),
    added: told('entries-added'),
    last: named(told('last-generated-id')),
    removed: told('max-deleted-entry-id'),
  };
}
