import { hash } from 'node:crypto';

import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';

import type { Clock, Random } from '../clock.js';
import { OPERATOR, type Caller } from '../principal.js';
import { isCanonicalBase64url } from '../protocol/base64url.js';
import { OpenLockError } from '../protocol/problem.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';
import type { SigningKeys } from './signing-keys.js';

const AUDIENCE = 'openlock';
const TYPE = 'at+jwt';
const TOKEN_CHARS = 4096;
const REMEMBERED_TOKENS = 20_000;

/** Exactly these (3.5): what else a header may hold, `crit` above all, would have to be understood (RFC 7515 4.1.11). */
const headerSchema = z.strictObject({ alg: z.literal('ES256'), typ: z.literal(TYPE), kid: z.string().min(1).max(128) });
const claimsSchema = z.object({
  iss: z.string(),
  aud: z.literal(AUDIENCE),
  sub: z.string().min(1),
  sid: z.string().min(1),
  origin: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
  jti: z.string().min(1),
});

export interface AccessTokensOptions {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** Origins this fleet is known by; the first issues, all are accepted. A function, as a port may be chosen at the start. */
  readonly issuers: () => readonly string[];
  /** Further issuers that are accepted; default: none. The signature says whose fleet it is, this only what it calls itself. */
  readonly alsoIssuer?: (issuer: string) => boolean;
  readonly lifetimeSeconds: number;
}

export interface IssueFields {
  /** `undefined`: the machine's own operator. */
  readonly siteId: string | undefined;
  readonly sessionId: string;
  readonly origin: string;
  /** Default: the first of the issuers. */
  readonly issuer?: string;
}

/** Access tokens of protocol 3.5: ES256 JWTs of type `at+jwt`. */
export class AccessTokens {
  readonly lifetimeSeconds: number;
  readonly #options: AccessTokensOptions;
  /** SHA-256 of a token that verified -> what it says. Makes ES256 free on the path of every command; sessions are checked apart. */
  readonly #verified = new LRUCache<string, Caller>({ max: REMEMBERED_TOKENS });
  #keysRevision = 0;

  constructor(options: AccessTokensOptions) {
    this.#options = options;
    this.lifetimeSeconds = options.lifetimeSeconds;
  }

  issue(fields: IssueFields): string {
    const { keys, clock, random, issuers } = this.#options;
    const issuer = fields.issuer ?? issuers()[0];
    if (issuer === undefined) throw new Error('Access tokens need an issuer.');
    const key = keys.newest;
    const issuedAt = Math.floor(clock.now() / 1000);
    const claims = {
      iss: issuer,
      aud: AUDIENCE,
      sub: fields.siteId ?? OPERATOR,
      sid: fields.sessionId,
      origin: fields.origin,
      iat: issuedAt,
      exp: issuedAt + this.lifetimeSeconds,
      jti: random.bytes(16).toString('base64url'),
    };
    return jwt.sign(claims, key.privateKey, { algorithm: 'ES256', header: { alg: 'ES256', typ: TYPE, kid: key.kid } });
  }

  /** Signature, type, issuer, audience and time; throws `unauthenticated` or `token_expired`. The session may still be revoked. */
  verify(token: string): Caller {
    if (token.length > TOKEN_CHARS) throw refused();
    if (this.#keysRevision !== this.#options.keys.revision) this.#verified.clear();
    this.#keysRevision = this.#options.keys.revision;
    const digest = hash('sha256', token, 'base64');
    const known = this.#verified.get(digest);
    if (known === undefined) {
      const caller = this.#verify(token);
      this.#verified.set(digest, caller);
      return caller;
    }
    if (known.expiresAt > this.#options.clock.now()) return known;
    this.#verified.delete(digest);
    throw expired();
  }

  #verify(token: string): Caller {
    const { keys, clock, issuers, alsoIssuer } = this.#options;
    const parts = token.split('.');
    // One spelling a token: what is not canonical would decode to the same bytes.
    if (parts.length !== 3 || !parts.every((part) => part !== '' && isCanonicalBase64url(part))) throw refused();
    // The header is not trusted for anything but a look-up among our own keys; algorithm and type are fixed.
    const header = headerSchema.safeParse(decodePart(parts[0] ?? ''));
    const key = header.success ? keys.find(header.data.kid) : undefined;
    // A member twice would read as one or the other: for us it is no JSON.
    if (key === undefined || decodePart(parts[1] ?? '') === undefined) throw refused();
    let payload: unknown;
    try {
      payload = jwt.verify(token, key.publicKey, {
        algorithms: ['ES256'],
        audience: AUDIENCE,
        clockTimestamp: Math.floor(clock.now() / 1000),
      });
    } catch (error) {
      throw error instanceof jwt.TokenExpiredError ? expired() : refused(error);
    }
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) throw refused(claims.error);
    const { iss, sub, sid, origin, exp } = claims.data;
    if (!issuers().includes(iss) && alsoIssuer?.(iss) !== true) throw refused();
    const holder = { sessionId: sid, origin, expiresAt: exp * 1000 };
    return Object.freeze(sub === OPERATOR ? { kind: 'operator', ...holder } : { kind: 'site', siteId: sub, ...holder });
  }
}

/** `undefined` for what is no strict JSON. */
function decodePart(part: string): unknown {
  try {
    return parseStrictJson(decodeUtf8(Buffer.from(part, 'base64url')));
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return undefined;
  }
}

function refused(cause?: unknown): OpenLockError {
  return new OpenLockError('unauthenticated', 'The access token is not valid.', { cause });
}

function expired(): OpenLockError {
  return new OpenLockError('token_expired', 'The access token has expired; refresh it.');
}
