import { Resolver, promises as dns } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';

import type { Clock } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';
import { isPublicAddress } from './public-address.js';

/** Where a website puts its challenge token (protocol 3.1). */
export const CHALLENGE_PATH = '/.well-known/openlock-challenge.txt';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Looks a host name up once; may stop when `signal` is aborted, its answer is not waited for then. */
export type HostResolver = (host: string, signal: AbortSignal) => Promise<readonly ResolvedAddress[]>;

export interface OriginVerifierOptions {
  readonly clock: Pick<Clock, 'after'>;
  /** `OPENLOCK_ALLOW_PRIVATE_SITES`: private addresses and plain http, for demos and tests. */
  readonly allowPrivateSites: boolean;
  /** Default: DNS; with `allowPrivateSites` the system's own look-up, which knows `localhost`. */
  readonly resolve?: HostResolver;
  /** PEM certificates trusted besides the public ones. */
  readonly extraCa?: readonly string[];
  /** For everything: look-up, connection, TLS, answer. Default 5,000 (protocol 3.2). */
  readonly timeoutMs?: number;
  /** Largest body in bytes. Default 4,096 (protocol 3.2). */
  readonly maxBytes?: number;
  /** Fetches at once; more are refused with `rate_limited`. Default 64. */
  readonly maxConcurrent?: number;
}

/** A name may have any number of addresses; the first few are tried, all are judged. */
const ADDRESSES_TRIED = 4;

export type VerificationFailure =
  'unreachable' | 'not_public' | 'redirect' | 'status' | 'too_large' | 'timeout' | 'mismatch';

/** `detail` is a sentence for the owner of the website; it does not tell apart why a connection failed. */
export type Verification =
  { readonly ok: true } | { readonly ok: false; readonly reason: VerificationFailure; readonly detail: string };

class Failure extends Error {
  constructor(
    readonly reason: VerificationFailure,
    detail: string,
  ) {
    super(detail);
  }
}

/**
 * Fetches a website's challenge and compares it (protocol 3.2). The address is chosen by whoever logs in, so this is the one
 * place where the relay could be made to speak to what only it can reach: names are resolved once, every address must be
 * public, the connection goes to exactly those addresses, and nothing is followed.
 */
export class OriginVerifier {
  readonly #options: OriginVerifierOptions;
  readonly #resolve: HostResolver;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  #active = 0;

  constructor(options: OriginVerifierOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? (options.allowPrivateSites ? resolveLikeTheSystem : resolveByDns);
    this.#timeoutMs = options.timeoutMs ?? 5000;
    this.#maxBytes = options.maxBytes ?? 4096;
  }

  /** Does the origin serve `token`? Only throws `rate_limited`, when too many fetches run. */
  async verify(origin: string, token: string): Promise<Verification> {
    if (this.#active >= (this.#options.maxConcurrent ?? 64)) {
      throw new OpenLockError('rate_limited', 'Too many websites are being verified; try again shortly.', {
        retryAfterMs: 1000,
      });
    }
    this.#active += 1;
    const abort = new AbortController();
    const cancel = this.#options.clock.after(this.#timeoutMs, () => abort.abort());
    try {
      const body = await this.#fetch(new URL(CHALLENGE_PATH, origin), abort.signal);
      if (body.trim() === token) return { ok: true };
      return {
        ok: false,
        reason: 'mismatch',
        detail: `${origin}${CHALLENGE_PATH} does not hold the token of this login.`,
      };
    } catch (error) {
      if (abort.signal.aborted)
        return {
          ok: false,
          reason: 'timeout',
          detail: `${origin} did not answer within ${this.#timeoutMs / 1000} seconds.`,
        };
      if (error instanceof Failure) return { ok: false, reason: error.reason, detail: error.message };
      // One sentence for every way a connection can fail: no port scanner for others.
      return {
        ok: false,
        reason: 'unreachable',
        detail: `${origin} could not be reached, or its certificate is not valid.`,
      };
    } finally {
      cancel();
      this.#active -= 1;
    }
  }

  async #fetch(url: URL, signal: AbortSignal): Promise<string> {
    const addresses = await this.#addressesOf(url, signal);
    signal.throwIfAborted();
    return this.#get(url, addresses, signal);
  }

  async #addressesOf(url: URL, signal: AbortSignal): Promise<readonly ResolvedAddress[]> {
    if (url.protocol !== 'https:' && !this.#options.allowPrivateSites)
      throw new Failure('not_public', 'Only https websites are verified.');
    // URL has already turned every spelling of a literal (decimal, octal, hexadecimal, mapped) into the usual one.
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(host);
    const addresses: readonly ResolvedAddress[] =
      family === 4 || family === 6
        ? [{ address: host, family }]
        : await unlessAborted(this.#resolve(host, signal), signal);
    if (addresses.length === 0) throw new Error('no address');
    if (!this.#options.allowPrivateSites && !addresses.every(({ address }) => isPublicAddress(address))) {
      throw new Failure('not_public', `${url.hostname} does not have public addresses only.`);
    }
    return addresses.slice(0, ADDRESSES_TRIED);
  }

  #get(url: URL, addresses: readonly ResolvedAddress[], signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === 'https:';
      // Named only where there are some: a list of ours would put out those of NODE_EXTRA_CA_CERTS.
      const { extraCa = [] } = this.#options;
      const request = (secure ? https : http).request({
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
        path: url.pathname,
        // An agent of its own: no connection is reused, and no proxy setting of the environment applies.
        agent: false,
        lookup: fixedLookup(addresses),
        headers: {
          host: url.host,
          accept: 'text/plain',
          'accept-encoding': 'identity',
          'user-agent': 'OpenLock-Verifier/1',
          connection: 'close',
        },
        maxHeaderSize: 8192,
        signal,
        ...(secure && {
          minVersion: 'TLSv1.2' as const,
          ...(extraCa.length > 0 && { ca: [...rootCertificates, ...extraCa] }),
        }),
      });
      const finish = (outcome: string | Error): void => {
        if (typeof outcome === 'string') resolve(outcome);
        else reject(outcome);
        request.destroy();
      };
      request.on('error', finish);
      request.on('close', () => finish(new Error('closed')));
      request.on('response', (response) => this.#read(response, finish));
      request.end();
    });
  }

  #read(response: http.IncomingMessage, finish: (outcome: string | Error) => void): void {
    const status = response.statusCode ?? 0;
    const tooLarge = new Failure('too_large', `The challenge is larger than ${this.#maxBytes} bytes.`);
    response.on('error', finish);
    if (status >= 300 && status < 400)
      return finish(new Failure('redirect', 'The website answered with a redirect; none is followed.'));
    if (status !== 200)
      return finish(
        new Failure('status', `The website answered ${CHALLENGE_PATH} with status ${status} instead of 200.`),
      );
    if (Number(response.headers['content-length'] ?? 0) > this.#maxBytes) return finish(tooLarge);
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > this.#maxBytes) finish(tooLarge);
      else chunks.push(chunk);
    });
    response.on('end', () =>
      finish(response.complete ? Buffer.concat(chunks).toString('utf8') : new Error('cut short')),
    );
  }
}

/** Gives the connection the addresses that were judged, so that a second look-up cannot give others. */
function fixedLookup(addresses: readonly ResolvedAddress[]): LookupFunction {
  const [first] = addresses;
  return (_host, options, callback) => {
    if (first === undefined) callback(new Error('no address'), '', 0);
    else if (options.all === true)
      callback(
        null,
        addresses.map(({ address, family }) => ({ address, family })),
      );
    else callback(null, first.address, first.family);
  };
}

/** DNS without the thread pool: names chosen by strangers must not be able to fill it. IPv4 first. */
const resolveByDns: HostResolver = async (host, signal) => {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel);
  try {
    const ask = (family: 4 | 6): Promise<ResolvedAddress[]> =>
      new Promise((resolve) => {
        resolver[family === 4 ? 'resolve4' : 'resolve6'](host, (error, found) =>
          resolve(error === null ? found.map((address) => ({ address, family })) : []),
        );
      });
    return (await Promise.all([ask(4), ask(6)])).flat();
  } finally {
    signal.removeEventListener('abort', cancel);
  }
};

/** The system's look-up: it knows the hosts file and `localhost`. */
const resolveLikeTheSystem: HostResolver = async (host) => {
  const found = await dns.lookup(host, { all: true, verbatim: false });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};

/** What `work` gives, unless the time is up before. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new Error('aborted'));
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
