import type { MaybePromise } from './ambient.js';

/** The tokens of a signed-in site (protocol 3.2). Times are Unix milliseconds by this machine's clock. */
export interface TokenSet {
  readonly accessToken: string;
  /** Absent: not known; the relay's `token_expired` tells. */
  readonly accessExpiresAt?: number;
  /** From here on the SDK renews before it uses the token. Absent: read from the token. */
  readonly renewAt?: number;
  /** Absent: the session ends with the access token. */
  readonly refreshToken?: string;
  readonly refreshExpiresAt?: number;
  readonly site?: { readonly id: string; readonly origin: string; readonly email: string };
}

/**
 * Where tokens are kept. Several tabs or processes may share one storage: the SDK reads it again before it renews, so
 * that a refresh token is not used twice (which would end the session, protocol 3.3).
 */
export interface TokenStorage {
  load(): MaybePromise<TokenSet | undefined>;
  save(tokens: TokenSet): MaybePromise<void>;
  clear(): MaybePromise<void>;
}

/** Forgets with the process or the page; the default. */
export class MemoryTokenStorage implements TokenStorage {
  #tokens: TokenSet | undefined;

  constructor(tokens?: TokenSet) {
    this.#tokens = tokens;
  }

  load(): TokenSet | undefined {
    return this.#tokens;
  }

  save(tokens: TokenSet): void {
    this.#tokens = tokens;
  }

  clear(): void {
    this.#tokens = undefined;
  }
}

/** The part of `localStorage` and `sessionStorage` that is used. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps tokens in `localStorage` or `sessionStorage`, where every script of the page can read them: see docs/sites.md. */
export class WebTokenStorage implements TokenStorage {
  readonly #storage: WebStorage;
  readonly #key: string;

  constructor(storage: WebStorage, key = 'openlock.tokens') {
    this.#storage = storage;
    this.#key = key;
  }

  load(): TokenSet | undefined {
    const text = this.#storage.getItem(this.#key);
    if (text === null) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      return isTokenSet(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  save(tokens: TokenSet): void {
    this.#storage.setItem(this.#key, JSON.stringify(tokens));
  }

  clear(): void {
    this.#storage.removeItem(this.#key);
  }
}

function isTokenSet(value: unknown): value is TokenSet {
  if (typeof value !== 'object' || value === null) return false;
  const { accessToken, accessExpiresAt, renewAt, refreshToken, refreshExpiresAt } = value as Record<string, unknown>;
  const optional = (member: unknown, type: string): boolean => member === undefined || typeof member === type;
  return (
    typeof accessToken === 'string' &&
    optional(accessExpiresAt, 'number') &&
    optional(renewAt, 'number') &&
    optional(refreshToken, 'string') &&
    optional(refreshExpiresAt, 'number')
  );
}
