/**
 * The one way in: address, block, origin, credential, places, bucket, and what a refusal leaves behind, the same for a
 * request, an upgrade and a frame (protocol 6.5, 8). The ways in only translate: they ask here in this order, and answer
 * what `refuse` returns.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

import { addressKey } from '../addresses.js';
import type { Refusal } from '../audit/trail.js';
import type { Clock, Random } from '../clock.js';
import { actorOf, type Caller, type DoorPrincipal, type OperatorPrincipal, type SitePrincipal } from '../principal.js';
import { DOOR_ID } from '../protocol/ids.js';
import { OpenLockError, type ProblemCode } from '../protocol/problem.js';
import { addressOf, type AddressedRequest } from './client-address.js';
import { Places, type SharedPlaces } from './places.js';
import { SpentBuckets } from './spent-buckets.js';
import { asProblem, entryOf, isFailedProof, limitMet } from './refusals.js';
import type { LimitName, Visit } from './visit.js';

/** A door session as the store has it (protocol 4.5). */
interface StoredDoorSession {
  readonly hash: string | undefined;
  /** Unix milliseconds. */
  readonly until: number;
  readonly disabled: boolean;
  readonly banned: boolean;
}

export interface GateDependencies {
  readonly sites: {
    /** Throws `unauthenticated` for a forged token, `token_expired` for an old one. */
    authenticate(accessToken: string): Caller;
    /** Session alive, site not blocked, tokens left in the bucket; cost 0 leaves the bucket alone. */
    admit(site: SitePrincipal, cost: number): Promise<void>;
  };
  readonly operators: { admit(operator: OperatorPrincipal): Promise<void> };
  readonly doors: { session(doorId: string): Promise<StoredDoorSession> };
  /** Failures per address (protocol 8.2). `isBlocked`: milliseconds the address stays blocked; 0: it is not. */
  readonly failures: { isBlocked(address: string): Promise<number>; record(address: string): Promise<void> };
  /** Requests per address (protocol 8.1). */
  readonly addressLimiter: {
    take(address: string): { readonly allowed: boolean; readonly retryAfterMs: number; readonly sustained: boolean };
  };
  /** What new commands meet when there is too much to do: after how many milliseconds to come again; 0: let in. */
  readonly overload: { turnAway(): number };
  readonly audit: { refusal(refusal: Refusal): void };
  readonly metrics: GateMetrics;
  readonly log: GateLog;
  readonly clock: Clock;
  readonly random: Random;
  /** `OPENLOCK_TRUST_PROXY`. */
  readonly trustProxyHops: number;
  /** Client sockets a site and an address may have on this relay (protocol 8.4). */
  readonly siteSockets: number;
  readonly addressSockets: number;
  /** The same in other processes of this host. */
  readonly peers?: { readonly sites: SharedPlaces; readonly addresses: SharedPlaces } | undefined;
}

export interface GateMetrics {
  readonly refusals: { inc(labels: { code: ProblemCode }): void };
  readonly limiterHits: { inc(labels: { limit: LimitName }): void };
  readonly authFailures: { inc(labels: { kind: string }): void };
}

/** The part of pino that is used; every line carries the request id. */
export interface GateLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

type VisitKind = Pick<Visit, 'work' | 'proof' | 'block'> & Partial<Pick<Visit, 'givesWay'>>;

/** When it makes sense to ask for a place again: nobody knows when one becomes free. */
const PLACE_RETRY_MS = 10_000;

const CLIENT_FRAME = { work: 'client frame', proof: 'access_token', block: 'none' } as const;

export class Gate {
  readonly #deps: GateDependencies;
  readonly #sitePlaces: Places;
  readonly #addressPlaces: Places;
  readonly #spent: SpentBuckets;
  /** What the last of those turned away was refused with. */
  #overloaded: OpenLockError | undefined;

  constructor(dependencies: GateDependencies) {
    this.#deps = dependencies;
    this.#sitePlaces = new Places(dependencies.siteSockets, dependencies.peers?.sites);
    this.#addressPlaces = new Places(dependencies.addressSockets, dependencies.peers?.addresses);
    this.#spent = new SpentBuckets(dependencies.clock);
  }

  /** A request comes in; it gets an id. */
  open(request: AddressedRequest, what: VisitKind): Visit {
    const requestId = this.#deps.random.bytes(12).toString('base64url');
    const address = addressOf(request, this.#deps.trustProxyHops);
    return newVisit({ requestId, address, origin: request.headers.origin }, what);
  }

  /** A frame comes in on the socket of `caller`. What it may prove is a token; from a blocked address, too, as on the routes of sites. */
  openFrame(context: Visit['context'], caller: Caller): Visit {
    const visit = newVisit(context, CLIENT_FRAME);
    visit.principal = caller;
    return visit;
  }

  /** Throws `rate_limited` when the address sends more than it may (protocol 8.1). Costs next to nothing: asked before anything is looked at. */
  take(visit: Visit): void {
    const verdict = this.#deps.addressLimiter.take(visit.context.address);
    if (!verdict.allowed) {
      // Ten seconds above the limit count as one failure (protocol 8.2); the flood itself is not made to wait for the store.
      if (verdict.sustained) void this.#recordFailure(visit);
      throw new OpenLockError('rate_limited', 'Too many requests from this address.', {
        retryAfterMs: verdict.retryAfterMs,
      });
    }
    visit.stage = 'access';
  }

  /** Throws `ip_blocked` where a blocked address is refused at once (protocol 8.2), `store_unavailable` when nobody can tell (8.3). */
  async refuseBlocked(visit: Visit): Promise<void> {
    if (visit.block !== 'before') return;
    let retryAfterMs: number;
    try {
      retryAfterMs = await this.#deps.failures.isBlocked(visit.context.address);
    } catch (error) {
      if (error instanceof OpenLockError) throw error;
      throw new OpenLockError('store_unavailable', 'The store cannot be reached; try again shortly.', {
        retryAfterMs: 1000,
        cause: error,
      });
    }
    if (retryAfterMs > 0) throw blocked(retryAfterMs);
  }

  /** Whose access token it is (protocol 2.3, 3.6); `token` as `bearerOf` gives it. Throws `unauthenticated`, `token_expired`, `forbidden_origin`. */
  identify(visit: Visit, token: string | undefined): Caller {
    if (token === undefined)
      throw new OpenLockError('unauthenticated', 'An access token is needed: Authorization: Bearer <token>.');
    visit.tried = true;
    if (token === '') throw new OpenLockError('unauthenticated', 'The Authorization header is not a bearer token.');
    const caller = this.#deps.sites.authenticate(token);
    if (visit.context.origin !== undefined && visit.context.origin !== caller.origin)
      throw new OpenLockError('forbidden_origin', 'The token belongs to another origin.');
    visit.principal ??= caller;
    return caller;
  }

  /** The door whose session token it is (protocol 4.5, 4.6). Throws `forbidden_origin`, `unauthenticated`, `token_expired`, `door_disabled`, `key_banned`. */
  async identifyDoor(visit: Visit, doorId: unknown, token: string | undefined): Promise<DoorPrincipal> {
    if (visit.context.origin !== undefined)
      throw new OpenLockError('forbidden_origin', 'Doors are not browsers: send no Origin.');
    visit.tried = token !== undefined;
    const refused = new OpenLockError(
      'unauthenticated',
      'The session token is not valid for this door; register again.',
    );
    if (token === undefined || typeof doorId !== 'string' || !DOOR_ID.test(doorId)) throw refused;
    const session = await this.#deps.doors.session(doorId);
    const sessionHash = createHash('sha256').update(token).digest('base64url');
    if (session.hash === undefined || !sameText(session.hash, sessionHash)) throw refused;
    visit.principal = { kind: 'door', doorId, sessionHash, expiresAt: session.until };
    if (session.until <= this.#deps.clock.now())
      throw new OpenLockError('token_expired', 'The door session has expired; register again.');
    if (session.disabled) throw new OpenLockError('door_disabled', 'The door is disabled by its operator.');
    if (session.banned) throw new OpenLockError('key_banned', 'The key of this door is banned.');
    return visit.principal;
  }

  /** Takes a place for a client socket (protocol 8.4); throws `rate_limited`. The result gives it back, and must be called. */
  takePlace(visit: Visit, caller: Caller): () => void {
    visit.stage = 'places';
    const freeAddress = this.#addressPlaces.take(addressKey(visit.context.address));
    const freeSite = freeAddress && this.#sitePlaces.take(actorOf(caller));
    if (freeAddress !== undefined && freeSite !== undefined)
      return () => {
        freeAddress();
        freeSite();
      };
    freeAddress?.();
    throw new OpenLockError(
      'rate_limited',
      freeAddress === undefined ? 'Too many sockets from this address.' : 'This site has too many sockets open.',
      { retryAfterMs: PLACE_RETRY_MS },
    );
  }

  /**
   * Session alive, not blocked, tokens left in the bucket (protocol 6.5, 8.1), and time for a new command. Throws `token_expired`,
   * `token_revoked`, `site_blocked`, `rate_limited`, `store_unavailable`.
   */
  admit(visit: Visit, caller: Caller, cost = 1): Promise<void> {
    visit.stage = 'admission';
    // First whoever sends too much himself: his flood is not weighed against what others send.
    const refusal = (cost > 0 ? this.#spentRefusal(caller) : undefined) ?? this.#overloadRefusal(visit);
    return refusal === undefined ? this.check(caller, cost) : Promise.reject(refusal);
  }

  #spentRefusal(caller: Caller): OpenLockError | undefined {
    const retryAfterMs = caller.kind === 'site' ? this.#spent.waitMs(caller.siteId) : 0;
    if (retryAfterMs === 0) return undefined;
    return new OpenLockError('rate_limited', 'This site sends more requests than it may.', { retryAfterMs });
  }

  #overloadRefusal(visit: Visit): OpenLockError | undefined {
    const retryAfterMs = visit.givesWay ? this.#deps.overload.turnAway() : 0;
    if (retryAfterMs === 0) return undefined;
    visit.stage = 'load';
    // One for many: to make an error with its stack is a third of what refusing costs, just when there is no time.
    if (this.#overloaded?.extras.retryAfterMs !== retryAfterMs) {
      const detail = 'This relay has more commands than it can carry; try again later.';
      this.#overloaded = new OpenLockError('rate_limited', detail, { retryAfterMs });
    }
    return this.#overloaded;
  }

  /** As `admit`, for a caller who asks for nothing just now; takes nothing from the bucket by default. */
  async check(caller: Caller, cost = 0): Promise<void> {
    // A client socket outlives the token it was opened with.
    if (caller.expiresAt <= this.#deps.clock.now())
      throw new OpenLockError('token_expired', 'The access token has expired; refresh it.');
    if (caller.kind === 'operator') return this.#deps.operators.admit(caller);
    try {
      await this.#deps.sites.admit(caller, cost);
    } catch (error) {
      if (error instanceof OpenLockError && error.code === 'rate_limited')
        this.#spent.note(caller.siteId, error.extras.retryAfterMs ?? 0);
      throw error;
    }
  }

  /**
   * A visit is refused: what it tried to prove counts if it was wrong, and metrics and audit trail are told. Returns what to
   * answer, which is `ip_blocked` where a failing visitor with the rule `on_failure` comes from a blocked address.
   */
  async refuse(visit: Visit, thrown: unknown): Promise<OpenLockError> {
    const { audit, metrics, log } = this.#deps;
    const problem = asProblem(thrown);
    const error = isFailedProof(visit, problem) ? await this.#failed(visit, problem) : problem;
    metrics.refusals.inc({ code: error.code });
    if (error.code === 'rate_limited') metrics.limiterHits.inc({ limit: limitMet(visit) });
    if (error.code === 'internal')
      log.error(
        { requestId: visit.context.requestId, work: visit.work, err: error.extras.cause ?? error },
        'a request failed',
      );
    const entry = entryOf(visit, error);
    if (entry !== undefined) audit.refusal(entry);
    return error;
  }

  async #failed(visit: Visit, error: OpenLockError): Promise<OpenLockError> {
    this.#deps.metrics.authFailures.inc({ kind: visit.proof });
    const retryAfterMs = visit.block === 'on_failure' ? await this.#blockedMs(visit) : 0;
    if (retryAfterMs > 0) return blocked(retryAfterMs);
    await this.#recordFailure(visit);
    return error;
  }

  async #blockedMs(visit: Visit): Promise<number> {
    try {
      return await this.#deps.failures.isBlocked(visit.context.address);
    } catch {
      return 0; // refused it is, for the failure itself
    }
  }

  async #recordFailure({ context }: Visit): Promise<void> {
    try {
      await this.#deps.failures.record(context.address);
    } catch (error) {
      this.#deps.log.warn({ err: error, requestId: context.requestId }, 'a failed authentication could not be counted');
    }
  }
}

function newVisit(context: Visit['context'], { work, proof, block, givesWay = false }: VisitKind): Visit {
  return {
    work,
    proof,
    block,
    givesWay,
    context,
    stage: 'address',
    tried: false,
    principal: undefined,
    door: undefined,
  };
}

function blocked(retryAfterMs: number): OpenLockError {
  return new OpenLockError('ip_blocked', 'Too many failures from this address.', { retryAfterMs });
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
