/** Who asks, and from where: what every way in finds out before anything is done. */
import ipaddr from 'ipaddr.js';

/** Where a request came from; goes into logs and the audit trail. */
export interface RequestContext {
  readonly requestId: string;
  /** IP address as text, after `OPENLOCK_TRUST_PROXY`. */
  readonly address: string;
  /** The request's `Origin` header, exactly as sent. */
  readonly origin: string | undefined;
}

/** What a verified access token says (contract 3.5); the session may still be revoked. */
export interface SiteIdentity {
  readonly siteId: string;
  readonly sessionId: string;
  readonly origin: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/**
 * What is counted together: an IPv4 address (mapped ones unwrapped) or an IPv6 /64 (protocol 8.1), or the wider networks the bits
 * name; other text as it is.
 */
export function networkOf(address: string, ipv4Bits = 32, ipv6Bits = 64): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4' && ipv4Bits === 32) return parsed.toString();
  return parsed.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(`${parsed.toString()}/${ipv4Bits}`).toString()}/${ipv4Bits}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${ipv6Bits}`).toString()}/${ipv6Bits}`;
}
