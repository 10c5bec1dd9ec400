import type { Random } from '../clock.js';
import type { RequestContext, SitePrincipal } from '../principal.js';
import type { AuditTrail } from '../audit/trail.js';
import type { TokenAnswer } from '../protocol/api.js';
import { OpenLockError } from '../protocol/problem.js';
import type { SiteStore } from '../store/site-store.js';
import type { AccessTokens } from './access-tokens.js';
import type { FleetSecrets } from './fleet-secrets.js';
import { requireOrigin } from './origin.js';
import type { RefreshTokens } from './refresh-tokens.js';
import type { SiteLimits } from './site-limits.js';

export interface SiteSessionsDependencies {
  readonly store: SiteStore;
  readonly tokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly secrets: FleetSecrets;
  readonly random: Random;
  readonly audit: AuditTrail;
  readonly limits: SiteLimits;
}

/** Sessions of sites: opened by a login, kept by rotation, ended by revocation (protocol 3.2 to 3.5). */
export class SiteSessions {
  readonly #deps: SiteSessionsDependencies;

  constructor(dependencies: SiteSessionsDependencies) {
    this.#deps = dependencies;
  }

  /** Opens a session of a site that exists; `verifiedAt` remembers a verification just made. */
  async open(
    site: {
      readonly siteId: string;
      readonly email: string;
      readonly origin: string;
      readonly verifiedAt: number | undefined;
    },
    context: RequestContext,
  ): Promise<TokenAnswer> {
    const { store, refreshTokens, audit, random } = this.#deps;
    const sessionId = `sess_${random.bytes(16).toString('base64url')}`;
    const refreshToken = refreshTokens.issue({ siteId: site.siteId, sessionId });
    const outcome = await store.openSession({
      ...site,
      sessionId,
      refreshHash: refreshTokens.hash(refreshToken),
      lifeMs: refreshTokens.lifetimeSeconds * 1000,
      auditEntry: audit.entry({
        kind: 'token_issued',
        actor: site.siteId,
        address: context.address,
        requestId: context.requestId,
      }),
    });
    if (outcome === 'blocked') throw siteBlocked();
    return this.#answer(site, sessionId, refreshToken);
  }

  /**
   * Rotates both tokens (protocol 3.3). The one before is answered with the very same successor for a while, on every relay:
   * the answer waits in the store, encrypted under a key that takes the presented token to make. Any older token of the
   * family ends the session.
   */
  async refresh(presented: string, context: RequestContext): Promise<TokenAnswer> {
    const { store, refreshTokens, secrets, random, audit, limits } = this.#deps;
    const { siteId, sessionId } = refreshTokens.read(presented);
    const site = await store.record(siteId);
    if (site === undefined) throw new OpenLockError('token_revoked', ENDED);
    if (site.blocked) throw siteBlocked();
    requireOrigin(site.origin, context);
    const refreshToken = refreshTokens.issue({ siteId, sessionId });
    const answer = this.#answer(site, sessionId, refreshToken);
    const who = { actor: siteId, address: context.address, requestId: context.requestId };
    const result = await store.refresh({
      siteId,
      sessionId,
      presentedHash: refreshTokens.hash(presented),
      successorHash: refreshTokens.hash(refreshToken),
      sealedAnswer: secrets.seal('refresh-answer', presented, JSON.stringify(answer), random),
      lifeMs: refreshTokens.lifetimeSeconds * 1000,
      sealedMs: limits.refreshAgainMs,
      refreshedEntry: audit.entry({ kind: 'token_refreshed', ...who }),
      reusedEntry: audit.entry({ kind: 'token_revoked', code: 'refresh_reused', ...who }),
    });
    if (result.outcome === 'rotated') return answer;
    if (result.outcome === 'again')
      return JSON.parse(secrets.unseal('refresh-answer', presented, result.sealedAnswer)) as TokenAnswer;
    if (result.outcome === 'blocked') throw siteBlocked();
    const detail =
      result.outcome === 'reused' ? 'This refresh token was used before; the session was ended. Log in again.' : ENDED;
    throw new OpenLockError('token_revoked', detail);
  }

  /** Ends the session on every relay (protocol 3.4); one that has ended already is fine. */
  async revoke(site: SitePrincipal, context: RequestContext): Promise<void> {
    const entry = this.#deps.audit.entry({
      kind: 'token_revoked',
      actor: site.siteId,
      address: context.address,
      requestId: context.requestId,
    });
    await this.#deps.store.endSession(site.siteId, site.sessionId, entry);
  }

  #answer(
    site: { readonly siteId: string; readonly email: string; readonly origin: string },
    sessionId: string,
    refreshToken: string,
  ): TokenAnswer {
    const { tokens, refreshTokens } = this.#deps;
    return {
      accessToken: tokens.issue({ siteId: site.siteId, sessionId, origin: site.origin }),
      tokenType: 'Bearer',
      expiresInSeconds: tokens.lifetimeSeconds,
      refreshToken,
      refreshExpiresInSeconds: refreshTokens.lifetimeSeconds,
      site: { id: site.siteId, origin: site.origin, email: site.email },
    };
  }
}

const ENDED = 'The session of this refresh token has ended; log in again.';

export function siteBlocked(): OpenLockError {
  return new OpenLockError('site_blocked', 'This site is blocked; ask the operator of the relay.');
}
