/**
 * `OPENLOCK_REDIS_URL` -> where and how to connect (protocol 11.1). Pure: nothing is connected by parsing.
 *
 * | form | meaning |
 * |---|---|
 * | `redis://[user:password@]host[:port][/db]` | one server; `rediss://` speaks TLS |
 * | `unix://[user:password@]/path/to/redis.sock[?db=n]` | one server on a Unix socket |
 * | `redis-sentinel://[user:password@]host[:port],…/master[/db][?tls=true&sentinel-user=…&sentinel-password=…]` | the master that Sentinel names |
 * | `redis-cluster://[user:password@]host[:port],…[?tls=true]` | a Cluster, found from any of its nodes |
 *
 * User, password and path are percent-decoded; `:password@` alone is the default user's.
 */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisCredentials {
  /** `undefined`: the default user. */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

interface Common {
  readonly credentials: RedisCredentials;
  readonly tls: boolean;
  /** Number of the logical database; always 0 in a Cluster. */
  readonly db: number;
}

export type RedisTarget =
  | (Common & { readonly kind: 'single'; readonly address: RedisAddress })
  | (Common & { readonly kind: 'unix'; readonly path: string })
  | (Common & {
      readonly kind: 'sentinel';
      readonly addresses: readonly RedisAddress[];
      readonly masterName: string;
      readonly sentinelCredentials: RedisCredentials;
    })
  | (Common & { readonly kind: 'cluster'; readonly addresses: readonly RedisAddress[] });

/** The URL is unusable; the message names the variable and never repeats the URL, which may hold a password. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
  constructor(problem: string) {
    super(`OPENLOCK_REDIS_URL ${problem}.`);
  }
}

interface Parts {
  readonly scheme: string;
  readonly credentials: RedisCredentials;
  readonly hosts: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Parses and checks one of the forms above. Throws {@link RedisUrlError}. */
export function parseRedisUrl(text: string): RedisTarget {
  const parts = split(text);
  switch (parts.scheme) {
    case 'redis':
    case 'rediss':
      return single(parts);
    case 'unix':
      return unix(parts);
    case 'redis-sentinel':
      return sentinel(parts);
    case 'redis-cluster':
      return cluster(parts);
    default:
      throw new RedisUrlError('must start with redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://');
  }
}

/** For logs and error messages: the target without its credentials. */
export function describeRedisTarget(target: RedisTarget): string {
  const list = (addresses: readonly RedisAddress[]): string =>
    addresses.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  switch (target.kind) {
    case 'single':
      return `${target.tls ? 'rediss' : 'redis'}://${list([target.address])}/${target.db}`;
    case 'unix':
      return `unix://${target.path}`;
    case 'sentinel':
      return `redis-sentinel://${list(target.addresses)}/${target.masterName}/${target.db}`;
    case 'cluster':
      return `redis-cluster://${list(target.addresses)}`;
  }
}

/** The URL of a Unix socket with credentials, as {@link parseRedisUrl} reads it. */
export function unixSocketUrl(path: string, username: string, password: string): string {
  return `unix://${encodeURIComponent(username)}:${encodeURIComponent(password)}@${path.split('/').map(encodeURIComponent).join('/')}`;
}

function single(parts: Parts): RedisTarget {
  onlyParameters(parts.query, []);
  const addresses = addressList(parts.hosts, 6379);
  const [address] = addresses;
  if (address === undefined || addresses.length > 1)
    throw new RedisUrlError('names several servers; use redis-sentinel:// or redis-cluster:// for those');
  return {
    kind: 'single',
    address,
    credentials: parts.credentials,
    tls: parts.scheme === 'rediss',
    db: database(parts.path.slice(1)),
  };
}

function unix(parts: Parts): RedisTarget {
  onlyParameters(parts.query, ['db']);
  if (parts.hosts !== '' || parts.path.length < 2)
    throw new RedisUrlError('must hold an absolute path after unix://, as in unix:///run/redis/redis.sock');
  return {
    kind: 'unix',
    path: decode(parts.path),
    credentials: parts.credentials,
    tls: false,
    db: database(parts.query.get('db') ?? ''),
  };
}

function sentinel(parts: Parts): RedisTarget {
  onlyParameters(parts.query, ['tls', 'sentinel-user', 'sentinel-password']);
  const [masterName, db, ...rest] = parts.path.slice(1).split('/');
  if (masterName === undefined || masterName === '' || rest.length > 0)
    throw new RedisUrlError(
      'must name the master after the sentinels, as in redis-sentinel://a:26379,b:26379/mymaster',
    );
  return {
    kind: 'sentinel',
    addresses: addressList(parts.hosts, 26379),
    masterName: decode(masterName),
    credentials: parts.credentials,
    sentinelCredentials: {
      username: parts.query.get('sentinel-user') ?? undefined,
      password: parts.query.get('sentinel-password') ?? undefined,
    },
    tls: flag(parts.query, 'tls'),
    db: database(db ?? ''),
  };
}

function cluster(parts: Parts): RedisTarget {
  onlyParameters(parts.query, ['tls']);
  if (parts.path.length > 1) throw new RedisUrlError('must not name a database: a Cluster has only one');
  return {
    kind: 'cluster',
    addresses: addressList(parts.hosts, 6379),
    credentials: parts.credentials,
    tls: flag(parts.query, 'tls'),
    db: 0,
  };
}

function split(text: string): Parts {
  const match = /^([a-z-]+):\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]*)(\/[^?#]*)?(?:\?([^#\s]*))?$/.exec(text);
  if (match === null)
    throw new RedisUrlError('is not a URL this relay can read (an @, /, ? or # in a password must be percent-encoded)');
  const [, scheme = '', userInfo, hosts = '', path = '', query = ''] = match;
  return { scheme, credentials: credentials(userInfo), hosts, path, query: new URLSearchParams(query) };
}

function credentials(userInfo: string | undefined): RedisCredentials {
  if (userInfo === undefined) return { username: undefined, password: undefined };
  const colon = userInfo.indexOf(':');
  const username = decode(colon < 0 ? userInfo : userInfo.slice(0, colon));
  const password = colon < 0 ? '' : decode(userInfo.slice(colon + 1));
  if (password === '') throw new RedisUrlError('names a user but no password');
  return { username: username === '' ? undefined : username, password };
}

function addressList(hosts: string, defaultPort: number): readonly RedisAddress[] {
  return hosts.split(',').map((entry) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/.exec(entry);
    const host = match?.[1] ?? match?.[2];
    const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
    if (host === undefined || port < 1 || port > 65535)
      throw new RedisUrlError('must hold an address such as redis.example:6379 after the ://');
    return { host, port };
  });
}

function database(text: string): number {
  if (text === '') return 0;
  if (!/^[0-9]{1,4}$/.test(text)) throw new RedisUrlError('must end in the number of a database, or in nothing');
  return Number(text);
}

function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false') throw new RedisUrlError(`must say ${name}=true or ${name}=false`);
  return value === 'true';
}

function onlyParameters(query: URLSearchParams, allowed: readonly string[]): void {
  for (const name of query.keys()) {
    if (!allowed.includes(name))
      throw new RedisUrlError(`has a parameter that this form does not know (known: ${allowed.join(', ') || 'none'})`);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlError('holds a % that is not followed by two hexadecimal digits');
  }
}
