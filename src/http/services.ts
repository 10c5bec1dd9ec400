/** What the HTTP API needs of the rest of the relay, no more; tests put fakes here, the app the real services. */
import type { Refusal } from '../audit/trail.js';
import type { RequestContext, SiteIdentity } from '../principal.js';
import type {
  ChallengeAnswer,
  CommandAnswer,
  CommandRecord,
  DoorKey,
  DoorStatusAnswer,
  DoorSummary,
  LoginAnswer,
  LoginRequest,
  RegisterAnswer,
  RegisterRequest,
  TokenAnswer,
  TokenRequest,
} from '../protocol/api.js';
import type { ProblemCode } from '../protocol/problem.js';

type Eventually<T> = T | Promise<T>;

/** Protocol 3. All throw OpenLockError. */
export interface SiteApi {
  login(request: LoginRequest, context: RequestContext): Promise<LoginAnswer>;
  token(request: TokenRequest, context: RequestContext): Promise<TokenAnswer>;
  /** Checks `context.origin` against the session's origin itself (3.6): only it knows whose token this is. */
  refresh(refreshToken: string, context: RequestContext): Promise<TokenAnswer>;
  revoke(identity: SiteIdentity, context: RequestContext): Promise<void>;
  /** Throws `unauthenticated` for a forged token, `token_expired` for an old one. */
  authenticate(accessToken: string): SiteIdentity;
  /** Session alive, site not blocked, tokens left in the bucket; cost 0 leaves the bucket alone. */
  admit(identity: SiteIdentity, cost?: number): Promise<void>;
  originOfLogin(loginId: string): Promise<string | undefined>;
  isKnownOrigin(origin: string): Promise<boolean>;
  jwks(): { readonly keys: readonly object[] };
}

/** Protocol 4.3, 4.4, 7.1, 7.2. */
export interface DoorApi {
  challenge(doorId: string): Eventually<ChallengeAnswer>;
  register(request: RegisterRequest, context: RequestContext): Promise<RegisterAnswer>;
  list(siteId: string): Promise<readonly DoorSummary[]>;
  get(siteId: string, doorId: string): Promise<DoorSummary>;
  key(siteId: string, doorId: string): Promise<DoorKey>;
}

/** Protocol 7.3 to 7.5. */
export interface CommandApi {
  submit(identity: SiteIdentity, doorId: string, jwe: string, context: RequestContext): Promise<CommandAnswer>;
  /** `commandId` as it came in the path: whatever is not one is `command_not_found`, after the door itself (7.6). */
  record(identity: SiteIdentity, doorId: string, commandId: string): Promise<CommandRecord>;
  status(identity: SiteIdentity, doorId: string, context: RequestContext): Promise<DoorStatusAnswer>;
}

/** Failures per address (protocol 8.2). */
export interface FailureGuard {
  /** Milliseconds the address stays blocked; 0: it is not. */
  isBlocked(address: string): Promise<number>;
  record(address: string): Promise<void>;
}

/** Requests per address (protocol 8.1). */
export interface AddressGate {
  take(address: string): { readonly allowed: boolean; readonly retryAfterMs: number; readonly sustained: boolean };
}

export interface RefusalTrail {
  refusal(refusal: Refusal): void;
}

/** The limit a request met: 8.1's two, a site at one door (6.5, 6.6), or the work behind a login (3.2). */
export type LimitName = 'address' | 'site' | 'door' | 'login';

export interface HttpMetrics {
  readonly refusals: { inc(labels: { code: ProblemCode }): void };
  readonly limiterHits: { inc(labels: { limit: LimitName }): void };
  /** `kind`: `access_token`, or the operation that failed. */
  readonly authFailures: { inc(labels: { kind: string }): void };
  /** Told once, of every route there is. */
  serves(
    routes: readonly { readonly id: string; readonly method: string; readonly statuses: readonly number[] }[],
  ): void;
  /** A request came to its end; `status` undefined: nobody was left to answer. */
  request(route: string, method: string, status: number | undefined, seconds: number): void;
}

/** The part of pino that is used; every line carries the request id. */
export interface HttpLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** True when the relay can do its work: store reachable, not stopping (protocol 2.4). */
export type Readiness = () => Eventually<boolean>;
