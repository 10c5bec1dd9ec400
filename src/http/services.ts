/** What the HTTP API needs of the rest of the relay, no more; tests put fakes here, the app the real services. */
import type { GateLog } from '../gate/gate.js';
import type { Caller, OperatorPrincipal, RequestContext, SitePrincipal } from '../principal.js';
import type {
  ChallengeAnswer,
  CommandAnswer,
  CommandRecord,
  DoorChallengeAnswer,
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

type Eventually<T> = T | Promise<T>;

/** Protocol 3. All throw OpenLockError. */
export interface SiteApi {
  login(request: LoginRequest, context: RequestContext): Promise<LoginAnswer>;
  token(request: TokenRequest, context: RequestContext): Promise<TokenAnswer>;
  /** Checks `context.origin` against the session's origin itself (3.6): only it knows whose token this is. */
  refresh(refreshToken: string, context: RequestContext): Promise<TokenAnswer>;
  revoke(site: SitePrincipal, context: RequestContext): Promise<void>;
  originOfLogin(loginId: string): Promise<string | undefined>;
  isKnownOrigin(origin: string): Promise<boolean>;
  jwks(): { readonly keys: readonly object[] };
}

/** Protocol 3.4, for the operator's own token (11.2). */
export interface OperatorApi {
  revoke(operator: OperatorPrincipal, context: RequestContext): Promise<void>;
}

/** Protocol 4.3, 4.4, 7.1, 7.2. */
export interface DoorApi {
  challenge(doorId: string): Eventually<ChallengeAnswer>;
  register(request: RegisterRequest, context: RequestContext): Promise<RegisterAnswer>;
  list(caller: Caller): Promise<readonly DoorSummary[]>;
  get(caller: Caller, doorId: string): Promise<DoorSummary>;
  key(caller: Caller, doorId: string): Promise<DoorKey>;
}

/** Protocol 7.3 to 7.5, 19.4. */
export interface CommandApi {
  submit(caller: Caller, doorId: string, jwe: string, context: RequestContext): Promise<CommandAnswer>;
  /** `commandId` as it came in the path: whatever is not one is `command_not_found`, after the door itself (7.6). */
  record(caller: Caller, doorId: string, commandId: string): Promise<CommandRecord>;
  status(caller: Caller, doorId: string, context: RequestContext): Promise<DoorStatusAnswer>;
  challenge(caller: Caller, doorId: string): Promise<DoorChallengeAnswer>;
}

export interface HttpMetrics {
  /** Told once, of every route there is. */
  serves(
    routes: readonly { readonly id: string; readonly method: string; readonly statuses: readonly number[] }[],
  ): void;
  /** A request came to its end; `status` undefined: nobody was left to answer. */
  request(route: string, method: string, status: number | undefined, seconds: number): void;
}

export interface HttpLog extends GateLog {
  debug(fields: object, message: string): void;
}

/** True when the relay can do its work: store reachable, not stopping (protocol 2.4). */
export type Readiness = () => Eventually<boolean>;
