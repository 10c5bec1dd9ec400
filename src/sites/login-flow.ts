import { createHash } from 'node:crypto';

import type { Clock, Random } from '../clock.js';
import { addressKey, networkOf } from '../addresses.js';
import type { RequestContext } from '../principal.js';
import type { AuditTrail } from '../audit/trail.js';
import type { LoginAnswer, LoginRequest, TokenAnswer, TokenRequest } from '../protocol/api.js';
import { OpenLockError } from '../protocol/problem.js';
import type { SiteStore } from '../store/site-store.js';
import type { FleetSecrets } from './fleet-secrets.js';
import { loginMail } from './login-mail.js';
import type { Mailer } from './mailer.js';
import { CHALLENGE_PATH, type OriginVerifier } from './origin-verifier.js';
import { normaliseOrigin, requireOrigin } from './origin.js';
import type { SiteLimits } from './site-limits.js';
import { siteBlocked, type SiteSessions } from './site-sessions.js';

export interface LoginFlowDependencies {
  readonly store: SiteStore;
  readonly sessions: SiteSessions;
  readonly secrets: FleetSecrets;
  readonly mailer: Mailer;
  readonly verifier: OriginVerifier;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditTrail;
  readonly limits: SiteLimits;
  readonly allowPrivateSites: boolean;
  /** True while the store is nearly full: logins give way to commands (protocol 8.3). */
  readonly isStoreFull?: () => boolean;
}

const LOGIN_ID = /^login_[A-Za-z0-9_-]{22}$/;
const CODES = 100_000_000;
/** What counts as one network where mails are limited (protocol 3.1): wide, because its owner has many addresses. */
const MAIL_NETWORK = { ipv4: 24, ipv6: 48 } as const;
const FULL_RETRY_MS = 60_000;

/** Login by a code sent to an e-mail address, and proof of the website (protocol 3.1, 3.2). */
export class LoginFlow {
  readonly #deps: LoginFlowDependencies;

  constructor(dependencies: LoginFlowDependencies) {
    this.#deps = dependencies;
  }

  /**
   * Starts a login. The work and the answer are the same whether or not the account exists and whether or not a mail goes out:
   * accounts are not looked at, one call of the store decides, and the mail leaves in the background.
   */
  async start(request: LoginRequest, context: RequestContext): Promise<LoginAnswer> {
    const { store, secrets, mailer, random, audit, limits } = this.#deps;
    const origin = normaliseOrigin(request.website, { allowHttp: this.#deps.allowPrivateSites });
    if (origin === undefined) throw new OpenLockError('invalid_request', whyNoOrigin(request.website));
    requireOrigin(origin, context);
    if (this.#deps.isStoreFull?.() === true)
      throw new OpenLockError('store_unavailable', 'The store is nearly full; no new logins for now.', {
        retryAfterMs: FULL_RETRY_MS,
      });
    const email = request.email.trim().toLowerCase();
    const loginId = `login_${random.bytes(16).toString('base64url')}`;
    const code = randomCode(random);
    const network = networkOf(context.address, MAIL_NETWORK);
    const login = {
      email,
      emailHash: sha256(email),
      networkHash: sha256(`${email}\n${network}`),
      address: addressKey(context.address),
      network,
      origin,
      codeHash: this.#codeHash(loginId, code),
    };
    const outcome = await store.startLogin(loginId, login, limits);
    if (outcome === 'full')
      throw new OpenLockError('rate_limited', 'Too many logins are under way; try again in a while.', {
        retryAfterMs: FULL_RETRY_MS,
      });
    if (outcome === 'mailed') mailer.enqueue(loginMail({ email, origin, code, lifeSeconds: limits.loginSeconds }));
    audit.refusal({ kind: 'login_requested', actor: 'anonymous', code: outcome, address: context.address });
    const challenge = { path: CHALLENGE_PATH, token: challengeToken(secrets, email, origin) };
    return { loginId, expiresInSeconds: limits.loginSeconds, website: { origin, challenge } };
  }

  /** Checks the code, proves the website if that is due, and opens a session. */
  async finish(request: TokenRequest, context: RequestContext): Promise<TokenAnswer> {
    const { store, sessions, clock, random, limits } = this.#deps;
    const { loginId, code } = request;
    const attempt = LOGIN_ID.test(loginId)
      ? await store.tryCode(loginId, this.#codeHash(loginId, code), limits)
      : undefined;
    if (attempt?.outcome !== 'ok') throw new OpenLockError('unauthenticated', WRONG);
    const { email, origin } = attempt;
    requireOrigin(origin, context);
    const identity = sha256(`${email}\n${origin}`);
    const known = await store.siteOfIdentity(identity);
    const site = known === undefined ? undefined : await store.record(known);
    if (site?.blocked === true) throw siteBlocked();
    const remembered = site?.verifiedAt !== undefined && clock.now() - site.verifiedAt < limits.verifiedMs;
    if (!remembered) await this.#proveWebsite(loginId, email, origin);
    // Of several who hold the right code at once, one gets the session.
    if (!(await store.endLogin(loginId))) throw new OpenLockError('unauthenticated', WRONG);
    const siteId = await store.claimIdentity(identity, `site_${random.bytes(16).toString('base64url')}`);
    await store.index(siteId, origin);
    return sessions.open({ siteId, email, origin, verifiedAt: remembered ? undefined : clock.now() }, context);
  }

  /** Origin of a running login, for CORS on the token route (protocol 3.6). */
  async originOf(loginId: string): Promise<string | undefined> {
    return LOGIN_ID.test(loginId) ? this.#deps.store.originOfLogin(loginId) : undefined;
  }

  async #proveWebsite(loginId: string, email: string, origin: string): Promise<void> {
    const { store, secrets, verifier, limits } = this.#deps;
    if (!(await store.takeFetch(loginId, limits.fetches))) {
      throw new OpenLockError(
        'website_unverified',
        `The website was asked ${limits.fetches} times; start a new login.`,
      );
    }
    const result = await verifier.verify(origin, challengeToken(secrets, email, origin));
    if (!result.ok) throw new OpenLockError('website_unverified', result.detail);
  }

  #codeHash(loginId: string, code: string): string {
    return this.#deps.secrets.mac('login-code', loginId, code).toString('base64url');
  }
}

function whyNoOrigin(website: string): string {
  return normaliseOrigin(website, { allowHttp: true }) === undefined
    ? 'website must be an origin such as https://shop.example, without path, query or user.'
    : 'website must be an https origin; this relay takes plain http only with OPENLOCK_ALLOW_PRIVATE_SITES=true.';
}

/** One sentence for a wrong code, an ended login and one that never was. */
const WRONG = 'The code is wrong, was used, or the login has ended.';

/**
 * Bound to e-mail and origin (protocol 3.1), and the same at every login, so that a website may leave its file in place. It is
 * no secret: it only says "this website agrees to be used by this e-mail address".
 */
function challengeToken(secrets: FleetSecrets, email: string, origin: string): string {
  return secrets.mac('website-challenge', email, origin).toString('base64url');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Eight digits, all equally likely. */
function randomCode(random: Random): string {
  const even = Math.floor(2 ** 32 / CODES) * CODES;
  for (;;) {
    const number = random.bytes(4).readUInt32BE();
    if (number < even) return String(number % CODES).padStart(8, '0');
  }
}
