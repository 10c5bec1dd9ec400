/** Who asks, and from where: what every way in finds out before anything is done. */

/** Where a request came from; goes into logs and the audit trail. */
export interface RequestContext {
  readonly requestId: string;
  /** IP address as text, after `OPENLOCK_TRUST_PROXY`. */
  readonly address: string;
  /** The request's `Origin` header, exactly as sent. */
  readonly origin: string | undefined;
}

/** What a verified access token says (protocol 3.5); the session may still be revoked. */
export interface SiteIdentity {
  readonly siteId: string;
  readonly sessionId: string;
  readonly origin: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}
