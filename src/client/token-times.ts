import { decodeBase64url } from '../protocol/base64url.js';
import type { TokenSet } from './token-storage.js';

/** Renew this long before the end, but not before 80 % of the life of a short token. */
const MARGIN_MS = 60_000;
const FRACTION = 0.8;
/** The relay counts the end of a token in whole seconds, so it may come up to one earlier. */
const ROUNDING_MS = 1_000;
/** A token so short that it is always due must not be renewed without a pause. */
const SHORTEST_MS = 500;

/** Milliseconds after which a token with this life should be renewed. */
export function renewAfter(lifeMs: number): number {
  const sureMs = lifeMs - ROUNDING_MS;
  return Math.max(SHORTEST_MS, sureMs * FRACTION, sureMs - MARGIN_MS);
}

/**
 * Tokens that came without times (handed in by the caller) get them from the access token, a JWT with `iat` and `exp`
 * (protocol 3.5). Not verified: it only decides when to ask for the next one.
 */
export function withTimes(tokens: TokenSet): TokenSet {
  if (tokens.renewAt !== undefined) return tokens;
  const { iat, exp } = claimsOf(tokens.accessToken);
  if (typeof iat !== 'number' || typeof exp !== 'number') return tokens;
  return {
    ...tokens,
    accessExpiresAt: tokens.accessExpiresAt ?? exp * 1000,
    renewAt: iat * 1000 + renewAfter((exp - iat) * 1000),
  };
}

function claimsOf(jwt: string): Readonly<Record<string, unknown>> {
  const payload = decodeBase64url(jwt.split('.')[1] ?? '');
  if (payload === undefined) return {};
  try {
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof claims === 'object' && claims !== null ? { ...claims } : {};
  } catch {
    return {};
  }
}
