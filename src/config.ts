/**
 * Environment -> one frozen Config (protocol 11.1). The only reader of `process.env`. Every bad value is collected, and
 * each message names its variable; nothing is started by reading.
 */
import { resolve } from 'node:path';

import { normaliseOrigin } from './sites/origin.js';

export interface Config {
  readonly host: string;
  /** 0 picks a free port (said in the log). */
  readonly port: number;
  /** `undefined`: metrics listener off. 0 picks a free port. */
  readonly metricsPort: number | undefined;
  /** Address of the metrics listener: loopback, unless somebody puts it onto a network that only the monitoring reaches. */
  readonly metricsHost: string;
  /** Origins doors and sites know this fleet by; the first is the tokens' issuer. Empty: `https://localhost:<port>`. */
  readonly publicUrls: readonly string[];
  readonly dataDir: string;
  /** `undefined`: a private redis-server under the data dir. */
  readonly redisUrl: string | undefined;
  readonly tls: boolean;
  /** Paths of PEM files; `undefined`: the local CA of the data dir makes a certificate. Both or none. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** The kind of key the relay makes for its own certificate: ECDSA P-256, or RSA 2048 for clients that know no other. */
  readonly tlsKeyType: 'ecdsa' | 'rsa';
  /** Reverse proxies in front, each of which appends to `X-Forwarded-For`. 0: none, the header is ignored. */
  readonly trustProxyHops: number;
  /** `smtp:`, `smtps:` or `file:<dir>`; `undefined`: `<data dir>/outbox`. */
  readonly mailUrl: string | undefined;
  readonly mailFrom: string;
  readonly allowPrivateSites: boolean;
  readonly accessTokenSeconds: number;
  readonly commandTimeoutMs: number;
  /** Commands and queries per site and second; the bucket holds twice this (protocol 8.1: 10 a second, 20 at once). */
  readonly siteRate: number;
  /** Requests per address and second (protocol 8.1). */
  readonly addressRate: number;
  /** Client sockets a site, and an address, may have on one relay (protocol 8.4). */
  readonly siteSockets: number;
  readonly addressSockets: number;
  /** TLS handshakes a second, and connections without a request, of one address (protocol 8.4). */
  readonly addressHandshakes: number;
  readonly addressConnections: number;
  /** Image bytes a second this relay sends to all its doors together, in MiB. 0: as fast as they ask. */
  readonly updateRate: number;
  readonly secretsDir: string;
  readonly logLevel: LogLevel;
  readonly nodeId: string | undefined;
  /** Things to tell the operator that do not stop the start. */
  readonly warnings: readonly string[];
}

/** The variable behind each setting. */
export const VARIABLES: Readonly<Record<Exclude<keyof Config, 'warnings'>, string>> = {
  host: 'OPENLOCK_HOST',
  port: 'OPENLOCK_PORT',
  metricsPort: 'OPENLOCK_METRICS_PORT',
  metricsHost: 'OPENLOCK_METRICS_HOST',
  publicUrls: 'OPENLOCK_PUBLIC_URL',
  dataDir: 'OPENLOCK_DATA_DIR',
  redisUrl: 'OPENLOCK_REDIS_URL',
  tls: 'OPENLOCK_TLS',
  tlsCert: 'OPENLOCK_TLS_CERT',
  tlsKey: 'OPENLOCK_TLS_KEY',
  tlsKeyType: 'OPENLOCK_TLS_KEY_TYPE',
  trustProxyHops: 'OPENLOCK_TRUST_PROXY',
  mailUrl: 'OPENLOCK_MAIL_URL',
  mailFrom: 'OPENLOCK_MAIL_FROM',
  allowPrivateSites: 'OPENLOCK_ALLOW_PRIVATE_SITES',
  accessTokenSeconds: 'OPENLOCK_ACCESS_TOKEN_SECONDS',
  commandTimeoutMs: 'OPENLOCK_COMMAND_TIMEOUT_MS',
  siteRate: 'OPENLOCK_SITE_RATE',
  addressRate: 'OPENLOCK_ADDRESS_RATE',
  siteSockets: 'OPENLOCK_SITE_SOCKETS',
  addressSockets: 'OPENLOCK_ADDRESS_SOCKETS',
  addressHandshakes: 'OPENLOCK_ADDRESS_HANDSHAKES',
  addressConnections: 'OPENLOCK_ADDRESS_CONNECTIONS',
  updateRate: 'OPENLOCK_UPDATE_RATE',
  secretsDir: 'OPENLOCK_SECRETS_DIR',
  logLevel: 'OPENLOCK_LOG_LEVEL',
  nodeId: 'OPENLOCK_NODE_ID',
};

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One or more variables have unusable values; `problems` has a sentence for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and checks the environment. Throws {@link ConfigError} with every problem at once. */
export function readConfig(environment: Environment = process.env): Config {
  const reader = new Reader(environment);
  const dataDir = resolve(reader.text('OPENLOCK_DATA_DIR') ?? './data');
  const config: Config = {
    host: reader.text('OPENLOCK_HOST') ?? '0.0.0.0',
    port: reader.integer('OPENLOCK_PORT', 8443, 0, 65535),
    metricsPort: reader.optionalInteger('OPENLOCK_METRICS_PORT', 0, 65535),
    metricsHost: reader.text('OPENLOCK_METRICS_HOST') ?? '127.0.0.1',
    publicUrls: reader.origins('OPENLOCK_PUBLIC_URL'),
    dataDir,
    redisUrl: reader.matching(
      'OPENLOCK_REDIS_URL',
      /^(redis|rediss|redis-sentinel|redis-cluster):\/\/[^/\s]|^unix:\/\/\/|^unix:\/\/[^/\s]*@\//,
      'redis://, rediss://, unix://, redis-sentinel:// or redis-cluster:// followed by an address',
    ),
    tls: reader.oneOf('OPENLOCK_TLS', ['on', 'off'], 'on') === 'on',
    tlsCert: reader.text('OPENLOCK_TLS_CERT'),
    tlsKey: reader.text('OPENLOCK_TLS_KEY'),
    tlsKeyType: reader.oneOf('OPENLOCK_TLS_KEY_TYPE', ['ecdsa', 'rsa'], 'ecdsa'),
    trustProxyHops: reader.integer('OPENLOCK_TRUST_PROXY', 0, 0, 10),
    mailUrl: reader.matching(
      'OPENLOCK_MAIL_URL',
      /^(smtps?:\/\/[^/\s]|file:.)/,
      'smtp://host:port, smtps://host:port or file:<dir>',
    ),
    mailFrom:
      reader.matching(
        'OPENLOCK_MAIL_FROM',
        /^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/,
        'an e-mail address, possibly `Name <address>`',
      ) ?? 'OpenLock <openlock@localhost>',
    allowPrivateSites: reader.boolean('OPENLOCK_ALLOW_PRIVATE_SITES', false),
    accessTokenSeconds: reader.integer('OPENLOCK_ACCESS_TOKEN_SECONDS', 900, 1, 86_400),
    commandTimeoutMs: reader.integer('OPENLOCK_COMMAND_TIMEOUT_MS', 5000, 100, 60_000),
    siteRate: reader.integer('OPENLOCK_SITE_RATE', 10, 1, 1_000_000),
    addressRate: reader.integer('OPENLOCK_ADDRESS_RATE', 50, 1, 1_000_000),
    siteSockets: reader.integer('OPENLOCK_SITE_SOCKETS', 20, 1, 1_000_000),
    addressSockets: reader.integer('OPENLOCK_ADDRESS_SOCKETS', 50, 1, 1_000_000),
    addressHandshakes: reader.integer('OPENLOCK_ADDRESS_HANDSHAKES', 100, 1, 1_000_000),
    addressConnections: reader.integer('OPENLOCK_ADDRESS_CONNECTIONS', 256, 1, 1_000_000),
    updateRate: reader.integer('OPENLOCK_UPDATE_RATE', 4, 0, 100_000),
    secretsDir: resolve(reader.text('OPENLOCK_SECRETS_DIR') ?? `${dataDir}/secrets`),
    logLevel: reader.oneOf('OPENLOCK_LOG_LEVEL', LOG_LEVELS, 'info'),
    nodeId: reader.matching(
      'OPENLOCK_NODE_ID',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      '1 to 64 letters, digits, `.`, `_` or `-`',
    ),
    warnings: reader.unknownVariables(),
  };
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    reader.problems.push('OPENLOCK_TLS_CERT and OPENLOCK_TLS_KEY go together: set both, or neither for the local CA.');
  }
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return Object.freeze(config);
}

class Reader {
  readonly problems: string[] = [];
  readonly #environment: Environment;
  readonly #known = new Set<string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    this.#known.add(name);
    const value = this.#environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  }

  optionalInteger(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (/^[0-9]{1,9}$/.test(value) && number >= minimum && number <= maximum) return number;
    this.problems.push(`${name} must be a whole number from ${minimum} to ${maximum}, not "${value}".`);
    return undefined;
  }

  integer(name: string, fallback: number, minimum: number, maximum: number): number {
    return this.optionalInteger(name, minimum, maximum) ?? fallback;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) this.problems.push(`${name} must be one of ${allowed.join(', ')}, not "${value}".`);
    return found ?? fallback;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'], String(fallback) as 'true' | 'false') === 'true';
  }

  matching(name: string, shape: RegExp, meaning: string): string | undefined {
    const value = this.text(name);
    if (value === undefined || shape.test(value)) return value;
    // The value is not repeated: URLs here may hold passwords.
    this.problems.push(`${name} must be ${meaning}.`);
    return undefined;
  }

  origins(name: string): readonly string[] {
    const value = this.text(name);
    if (value === undefined) return [];
    return value.split(/[\s,]+/).map((entry) => {
      const origin = normaliseOrigin(entry, { allowHttp: true });
      if (origin === undefined)
        this.problems.push(`${name} must be a list of origins such as https://relay.example, not "${entry}".`);
      return origin ?? entry;
    });
  }

  /** A misspelt variable silently leaves a default in force; say so. Call last. */
  unknownVariables(): readonly string[] {
    return Object.keys(this.#environment)
      .filter((name) => name.startsWith('OPENLOCK_') && !this.#known.has(name))
      .map((name) => `${name} is not a variable OpenLock knows; see docs/operations.md.`);
  }
}
