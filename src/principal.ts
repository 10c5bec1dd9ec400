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
interface TokenHolder {
  readonly sessionId: string;
  readonly origin: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** A website (protocol 3). */
export interface SitePrincipal extends TokenHolder {
  readonly kind: 'site';
  readonly siteId: string;
}

/** The machine's own operator, with a token the command line made (protocol 11.2). Needs no grant, has no bucket. */
export interface OperatorPrincipal extends TokenHolder {
  readonly kind: 'operator';
}

/** A door, by its session token (protocol 4.5). */
export interface DoorPrincipal {
  readonly kind: 'door';
  readonly doorId: string;
  /** base64url SHA-256 of the token. */
  readonly sessionHash: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export type Principal = SitePrincipal | OperatorPrincipal | DoorPrincipal;

/** Who may ask for doors and send commands: whoever holds an access token. */
export type Caller = SitePrincipal | OperatorPrincipal;

/** The operator's name: in the audit trail, as the subject of its tokens, and as the sender of its commands. Ids of sites start with `site_`. */
export const OPERATOR = 'operator';

/** What a principal is called in the audit trail (protocol 10.1). */
export function actorOf(principal: Principal): string {
  switch (principal.kind) {
    case 'site':
      return principal.siteId;
    case 'operator':
      return OPERATOR;
    case 'door':
      return `door:${principal.doorId}`;
  }
}
