import type { Clock, Random } from '../clock.js';
import type { Acting } from '../audit/entry.js';
import type { Caller, RequestContext, SitePrincipal } from '../principal.js';
import type { AuditTrail } from '../audit/trail.js';
import type { LoginAnswer, LoginRequest, TokenAnswer, TokenRequest } from '../protocol/api.js';
import { OpenLockError } from '../protocol/problem.js';
import type { SiteRecord, SiteStore } from '../store/site-store.js';
import type { AccessTokens } from './access-tokens.js';
import type { FleetSecrets } from './fleet-secrets.js';
import { KnownOrigins } from './known-origins.js';
import { LoginFlow } from './login-flow.js';
import type { Mailer } from './mailer.js';
import type { OriginVerifier } from './origin-verifier.js';
import { normaliseOrigin } from './origin.js';
import { RefreshTokens } from './refresh-tokens.js';
import type { SigningKeys } from './signing-keys.js';
import { SITE_LIMITS, type SiteLimits } from './site-limits.js';
import { siteBlocked, SiteSessions } from './site-sessions.js';

export interface SiteServiceDependencies {
  readonly store: SiteStore;
  readonly mailer: Mailer;
  readonly verifier: OriginVerifier;
  readonly tokens: AccessTokens;
  readonly keys: SigningKeys;
  readonly secrets: FleetSecrets;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditTrail;
  readonly allowPrivateSites: boolean;
  /** `OPENLOCK_SITE_RATE`: refill of a site's token bucket per second; it holds twice as many (protocol 8.1). */
  readonly siteRate: number;
  /** True while the store is nearly full; absent: it is not watched. */
  readonly isStoreFull?: () => boolean;
  readonly limits?: SiteLimits;
}

/**
 * Websites: who they are and what they may ask how often (protocol 3, 8.1). Refusals are {@link OpenLockError}s; whoever
 * serves the request counts and audits them (8.2, 10.1), as it does those of every other service.
 */
export class SiteService {
  readonly #deps: SiteServiceDependencies;
  readonly #sessions: SiteSessions;
  readonly #logins: LoginFlow;
  readonly #origins: KnownOrigins;

  constructor(dependencies: SiteServiceDependencies) {
    this.#deps = dependencies;
    const { store, secrets, clock, random } = dependencies;
    const limits = dependencies.limits ?? SITE_LIMITS;
    const refreshTokens = new RefreshTokens({ secrets, clock, random, lifetimeSeconds: limits.refreshSeconds });
    this.#sessions = new SiteSessions({ ...dependencies, refreshTokens, limits });
    this.#logins = new LoginFlow({ ...dependencies, sessions: this.#sessions, limits });
    this.#origins = new KnownOrigins(store, clock);
  }

  /** Protocol 3.1. Throws `invalid_request`, `forbidden_origin`, `rate_limited`, `store_unavailable`. */
  login(request: LoginRequest, context: RequestContext): Promise<LoginAnswer> {
    return this.#logins.start(request, context);
  }

  /** Protocol 3.2. Throws `unauthenticated`, `website_unverified`, `site_blocked`, `forbidden_origin`, `rate_limited`, `store_unavailable`. */
  token(request: TokenRequest, context: RequestContext): Promise<TokenAnswer> {
    return this.#logins.finish(request, context);
  }

  /** Protocol 3.3. Throws `unauthenticated`, `token_expired`, `token_revoked`, `site_blocked`, `forbidden_origin`, `store_unavailable`. */
  refresh(refreshToken: string, context: RequestContext): Promise<TokenAnswer> {
    return this.#sessions.refresh(refreshToken, context);
  }

  /** Protocol 3.4: on every relay, at once. */
  revoke(site: SitePrincipal, context: RequestContext): Promise<void> {
    return this.#sessions.revoke(site, context);
  }

  /** What an access token says; throws `unauthenticated` or `token_expired`. The session may have ended: see {@link admit}. */
  authenticate(accessToken: string): Caller {
    return this.#deps.tokens.verify(accessToken);
  }

  /**
   * One call of the store for everything a request needs to know about its site (protocol 6.5, 8.1). Throws `token_revoked`,
   * `site_blocked`, `rate_limited`, `store_unavailable`. `cost`: tokens taken from the bucket; 0 takes none.
   */
  async admit({ siteId, sessionId }: SitePrincipal, cost = 1): Promise<void> {
    const { store, siteRate } = this.#deps;
    const result = await store.admit(siteId, sessionId, cost, siteRate * 2, siteRate);
    if (result === 0) return;
    if (result === -1)
      throw new OpenLockError('token_revoked', 'The session of this access token has ended; log in again.');
    if (result === -2) throw siteBlocked();
    throw new OpenLockError('rate_limited', `This site sends more than ${siteRate} requests a second.`, {
      retryAfterMs: result,
    });
  }

  /** Origin of a running login, for CORS on the token route (protocol 3.6). */
  originOfLogin(loginId: string): Promise<string | undefined> {
    return this.#logins.originOf(loginId);
  }

  /** True when some verified, unblocked site has this origin; a block made on another relay shows within two seconds. */
  isKnownOrigin(origin: string): Promise<boolean> {
    return this.#origins.has(origin);
  }

  /** All sites, the oldest first. */
  async list(): Promise<readonly SiteRecord[]> {
    const sites = await this.#deps.store.all();
    return [...sites].sort((a, b) => a.createdAt - b.createdAt);
  }

  /** The sites a site id or an origin names: none, one, or (for an origin several e-mail addresses proved) more. */
  async find(siteIdOrOrigin: string): Promise<readonly SiteRecord[]> {
    if (siteIdOrOrigin.includes('://')) {
      const origin = normaliseOrigin(siteIdOrOrigin, { allowHttp: true });
      return origin === undefined ? [] : this.#deps.store.sitesOfOrigin(origin);
    }
    const site = await this.#deps.store.record(siteIdOrOrigin);
    return site === undefined ? [] : [site];
  }

  /** Blocks the sites named and ends their sessions on every relay (protocol 3.4); gives them as they are now. Throws `not_found`. */
  async block(siteIdOrOrigin: string, by: Acting): Promise<readonly SiteRecord[]> {
    const { store, audit } = this.#deps;
    return this.#forEach(siteIdOrOrigin, (siteId) =>
      store.block(siteId, audit.entry({ kind: 'site_blocked', ...by, target: `site:${siteId}` })),
    );
  }

  /** Lets the sites named log in again; sessions stay ended. Throws `not_found`. */
  async unblock(siteIdOrOrigin: string, by: Acting): Promise<readonly SiteRecord[]> {
    const { store, audit } = this.#deps;
    return this.#forEach(siteIdOrOrigin, (siteId) =>
      store.unblock(siteId, audit.entry({ kind: 'site_unblocked', ...by, target: `site:${siteId}` })),
    );
  }

  /** Protocol 2.4: `/.well-known/jwks.json`. */
  jwks(): { keys: object[] } {
    return this.#deps.keys.jwks();
  }

  async #forEach(siteIdOrOrigin: string, change: (siteId: string) => Promise<boolean>): Promise<readonly SiteRecord[]> {
    const sites = await this.find(siteIdOrOrigin);
    if (sites.length === 0) throw new OpenLockError('not_found', `There is no site ${siteIdOrOrigin}.`);
    for (const { siteId } of sites) await change(siteId);
    this.#origins.forget();
    const changed = await Promise.all(sites.map(({ siteId }) => this.#deps.store.record(siteId)));
    return changed.filter((site) => site !== undefined);
  }
}
