/**
 * Browsers of other origins (protocol 3.6): who may read an answer; that a token's origin must match is the gate's. The headers
 * are the `cors` package's work; which origin they name is decided here for each request.
 */
import type { IncomingMessage } from 'node:http';

import cors, { type CorsOptions, type CorsRequest } from 'cors';
import { LRUCache } from 'lru-cache';

import type { Clock } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';
import { normaliseOrigin } from '../sites/origin.js';
import type { Exchange } from './exchange.js';
import type { SiteApi } from './services.js';

export interface CrossOriginDependencies {
  readonly sites: Pick<SiteApi, 'isKnownOrigin' | 'originOfLogin'>;
  readonly clock: Clock;
  /** `OPENLOCK_ALLOW_PRIVATE_SITES`: plain http websites exist. */
  readonly allowPrivateSites: boolean;
}

/** How long a refusal that must not cost a look-up (429, store away) may still be shown to an origin that was known. */
const REMEMBERED_MS = 10_000;
const PREFLIGHT_SECONDS = 600;

export class CrossOrigin {
  readonly #deps: CrossOriginDependencies;
  readonly #remembered: LRUCache<string, true>;
  readonly #grants = new WeakMap<CorsRequest, CorsOptions>();
  readonly #setHeaders = cors<IncomingMessage>((request, callback) =>
    callback(null, this.#grants.get(request) ?? { origin: false }),
  );

  constructor(dependencies: CrossOriginDependencies) {
    this.#deps = dependencies;
    this.#remembered = new LRUCache({
      max: 1000,
      ttl: REMEMBERED_MS,
      ttlResolution: 0,
      perf: { now: () => dependencies.clock.monotonic() },
    });
  }

  /** What can be said before the body is read. Throws `forbidden_origin` on device routes. */
  async enter(exchange: Exchange): Promise<void> {
    const { origin } = exchange.visit.context;
    if (origin === undefined) return;
    const isPreflight = exchange.request.method === 'OPTIONS';
    switch (exchange.route.crossOrigin) {
      case 'refused':
        exchange.crossOriginDecided = true;
        if (!isPreflight) throw new OpenLockError('forbidden_origin', 'Doors are not browsers: send no Origin.');
        return;
      case 'known':
        return this.#grantIfKnown(exchange, origin);
      case 'website':
      case 'login':
        // Whose website it is about stands in the body; a preflight has none.
        if (isPreflight) this.#decide(exchange, origin, this.#couldBeWebsite(origin));
    }
  }

  /** For login and token: now the body says whose website it is about. Throws `forbidden_origin` when it is another's. */
  async enterWithBody(exchange: Exchange, body: unknown): Promise<void> {
    const { origin } = exchange.visit.context;
    if (origin === undefined || exchange.crossOriginDecided) return;
    const asked = await this.#originAskedFor(exchange, body);
    // No such website or login: the answer says so, and is readable to those who may read any.
    if (asked === undefined) return this.#grantIfKnown(exchange, origin);
    this.#decide(exchange, origin, asked === origin);
    if (asked !== origin)
      throw new OpenLockError('forbidden_origin', 'The website asked for is not the origin of this request.');
  }

  /** A refusal came before the decision. `cheaply`: memory alone may be asked. */
  async enterRefusal(exchange: Exchange, cheaply: boolean): Promise<void> {
    const { origin } = exchange.visit.context;
    if (origin === undefined || exchange.crossOriginDecided) return;
    if (exchange.route.crossOrigin === 'refused') return;
    if (cheaply) this.#decide(exchange, origin, this.#remembered.has(origin));
    else await this.#grantIfKnown(exchange, origin);
  }

  async #grantIfKnown(exchange: Exchange, origin: string): Promise<void> {
    this.#decide(exchange, origin, await this.#isKnown(origin));
  }

  async #isKnown(origin: string): Promise<boolean> {
    if (normaliseOrigin(origin, { allowHttp: true }) !== origin) return false;
    try {
      const known = await this.#deps.sites.isKnownOrigin(origin);
      if (known) this.#remembered.set(origin, true);
      else this.#remembered.delete(origin);
      return known;
    } catch {
      // The store is away; the request itself will be refused for that, and its own site should be able to read it.
      return this.#remembered.has(origin);
    }
  }

  #couldBeWebsite(origin: string): boolean {
    return normaliseOrigin(origin, { allowHttp: this.#deps.allowPrivateSites }) === origin;
  }

  async #originAskedFor(exchange: Exchange, body: unknown): Promise<string | undefined> {
    if (typeof body !== 'object' || body === null) return undefined;
    if (exchange.route.crossOrigin === 'website') {
      const website = 'website' in body ? body.website : undefined;
      return typeof website === 'string'
        ? normaliseOrigin(website, { allowHttp: this.#deps.allowPrivateSites })
        : undefined;
    }
    const loginId = 'loginId' in body ? body.loginId : undefined;
    return typeof loginId === 'string' && loginId.length <= 128 ? this.#deps.sites.originOfLogin(loginId) : undefined;
  }

  #decide(exchange: Exchange, origin: string, allowed: boolean): void {
    exchange.crossOriginDecided = true;
    if (!allowed) return;
    this.#grants.set(exchange.request, {
      origin,
      methods: [...exchange.route.allow],
      allowedHeaders: ['Authorization', 'Content-Type'],
      exposedHeaders: ['Retry-After', 'X-Request-Id'],
      maxAge: PREFLIGHT_SECONDS,
      preflightContinue: true,
    });
    this.#setHeaders(exchange.request, exchange.response, () => undefined);
  }
}
