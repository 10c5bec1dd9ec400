import {
  loginAnswerSchema,
  tokenAnswerSchema,
  type LoginAnswer,
  type LoginRequest,
  type TokenAnswer,
  type TokenRequest,
} from '../protocol/api.js';
import { OpenLockError, PROBLEMS } from '../protocol/problem.js';
import type { ClientClock } from './ambient.js';
import { pause } from './bounded.js';
import { UnreachableError } from './errors.js';
import type { HttpTransport } from './http-transport.js';
import { renewAfter, withTimes } from './token-times.js';
import type { TokenSet, TokenStorage } from './token-storage.js';

/** Protocol 3.3: within 10 s the old refresh token still yields the same successor; later it ends the session. */
const REFRESH_RETRY_MS = 8_000;
const REFRESH_PAUSE_MS = 500;

export interface SessionOptions {
  readonly http: HttpTransport;
  readonly storage: TokenStorage;
  readonly clock: ClientClock;
  readonly requestTimeoutMs: number;
}

type Listener<T> = (value: T) => void;

/** The site's session: login, tokens, and their renewal by one request at a time (protocol 3). */
export class Session {
  readonly #http: HttpTransport;
  readonly #storage: TokenStorage;
  readonly #clock: ClientClock;
  readonly #timeoutMs: number;
  readonly #renewed = new Set<Listener<TokenSet>>();
  readonly #ended = new Set<Listener<OpenLockError>>();
  #renewing: Promise<TokenSet> | undefined;

  constructor(options: SessionOptions) {
    this.#http = options.http;
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#timeoutMs = options.requestTimeoutMs;
  }

  /** Protocol 3.1. */
  async login(request: LoginRequest, signal?: AbortSignal): Promise<LoginAnswer> {
    const answer = await this.#http.request({
      method: 'POST',
      path: '/v1/auth/login',
      body: request,
      timeoutMs: this.#timeoutMs,
      signal,
    });
    return readAnswer(loginAnswerSchema, answer);
  }

  /** Protocol 3.2; stores the tokens. The relay may fetch the website meanwhile, hence twice the usual time. */
  async token(request: TokenRequest, signal?: AbortSignal): Promise<TokenSet> {
    const answer = await this.#http.request({
      method: 'POST',
      path: '/v1/auth/token',
      body: request,
      timeoutMs: this.#timeoutMs * 2,
      signal,
    });
    return this.#keep(readAnswer(tokenAnswerSchema, answer));
  }

  /** Protocol 3.4. The stored tokens are gone afterwards even if the relay could not be told (the error says so). */
  async revoke(signal?: AbortSignal): Promise<void> {
    const { accessToken } = await this.current();
    try {
      await this.#http.request({
        method: 'POST',
        path: '/v1/auth/revoke',
        accessToken,
        timeoutMs: this.#timeoutMs,
        signal,
      });
    } catch (error) {
      // A session that has ended already is what was asked for.
      if (!isUnauthorized(error)) throw error;
    } finally {
      await this.#end(new OpenLockError('token_revoked', 'signed out'));
    }
  }

  /** The relay says that the session behind `accessToken` is over. Another one may have been stored meanwhile. */
  async ended(accessToken: string, error: OpenLockError): Promise<void> {
    const tokens = await this.#storage.load();
    if (tokens?.accessToken === accessToken) await this.#end(error);
  }

  /** The stored tokens, if any. */
  async stored(): Promise<TokenSet | undefined> {
    const tokens = await this.#storage.load();
    return tokens === undefined ? undefined : withTimes(tokens);
  }

  /** Tokens that are good for a while, renewed first if need be. Throws `unauthenticated` when nobody is signed in. */
  async current(): Promise<TokenSet> {
    const tokens = await this.stored();
    if (tokens === undefined)
      throw new OpenLockError('unauthenticated', 'not signed in: call login() and token() first');
    return this.#isFresh(tokens) || tokens.refreshToken === undefined ? tokens : this.renew(tokens.accessToken);
  }

  /**
   * Renews because `rejected` is refused or about to end. Callers at the same time share one request; when somebody else
   * (another tab on the same storage) has renewed meanwhile, theirs is taken.
   */
  async renew(rejected: string): Promise<TokenSet> {
    this.#renewing ??= this.#renewOnce(rejected).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Called with every new set of tokens. The result unsubscribes. */
  onRenewed(listener: Listener<TokenSet>): () => void {
    this.#renewed.add(listener);
    return () => this.#renewed.delete(listener);
  }

  /** Called when the session is over and somebody has to sign in again. The result unsubscribes. */
  onEnded(listener: Listener<OpenLockError>): () => void {
    this.#ended.add(listener);
    return () => this.#ended.delete(listener);
  }

  #isFresh(tokens: TokenSet): boolean {
    return this.#clock.now() < (tokens.renewAt ?? Number.POSITIVE_INFINITY);
  }

  async #renewOnce(rejected: string): Promise<TokenSet> {
    const tokens = await this.stored();
    if (tokens === undefined)
      throw new OpenLockError('unauthenticated', 'not signed in: call login() and token() first');
    if (tokens.accessToken !== rejected && this.#isFresh(tokens)) return tokens;
    if (tokens.refreshToken === undefined)
      throw new OpenLockError('token_expired', 'the token has ended and there is none to renew it with');
    try {
      return await this.#keep(await this.#exchange(tokens.refreshToken));
    } catch (error) {
      if (isUnauthorized(error)) await this.#end(error);
      throw error;
    }
  }

  /** A lost answer is asked for again with the same token, as long as that is safe (protocol 3.3). */
  async #exchange(refreshToken: string): Promise<TokenAnswer> {
    const giveUpAt = this.#clock.monotonic() + REFRESH_RETRY_MS;
    for (;;) {
      const timeoutMs = Math.max(1, Math.min(this.#timeoutMs, giveUpAt - this.#clock.monotonic()));
      try {
        return readAnswer(
          tokenAnswerSchema,
          await this.#http.request({ method: 'POST', path: '/v1/auth/refresh', body: { refreshToken }, timeoutMs }),
        );
      } catch (error) {
        if (!(error instanceof UnreachableError) || this.#clock.monotonic() + REFRESH_PAUSE_MS >= giveUpAt) throw error;
        await pause(this.#clock, REFRESH_PAUSE_MS);
      }
    }
  }

  async #keep(answer: TokenAnswer): Promise<TokenSet> {
    const now = this.#clock.now();
    const lifeMs = answer.expiresInSeconds * 1000;
    const tokens: TokenSet = {
      accessToken: answer.accessToken,
      accessExpiresAt: now + lifeMs,
      renewAt: now + renewAfter(lifeMs),
      refreshToken: answer.refreshToken,
      refreshExpiresAt: now + answer.refreshExpiresInSeconds * 1000,
      site: answer.site,
    };
    await this.#storage.save(tokens);
    for (const listener of this.#renewed) listener(tokens);
    return tokens;
  }

  async #end(error: OpenLockError): Promise<void> {
    await this.#storage.clear();
    for (const listener of this.#ended) listener(error);
  }
}

function isUnauthorized(error: unknown): error is OpenLockError {
  return error instanceof OpenLockError && PROBLEMS[error.code].status === 401;
}

/** The part of a zod schema that is used, so that the SDK itself need not import zod. */
interface AnswerSchema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** Narrows an answer; one of another shape counts as no usable answer. */
export function readAnswer<T>(schema: AnswerSchema<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (!parsed.success)
    throw new UnreachableError(
      'bad_answer',
      'the answer has not the shape of this route; is this an OpenLock relay of version 1?',
      true,
    );
  return parsed.data;
}
