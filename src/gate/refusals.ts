/** What a refusal is, whatever way it came in by: which audit entry, which limit, whether it counts as a failure (protocol 8, 10.1). */
import type { Refusal } from '../audit/trail.js';
import { actorOf } from '../principal.js';
import { OpenLockError, type ProblemCode } from '../protocol/problem.js';
import type { LimitName, Visit } from './visit.js';

/** Not refusals: nothing was asked that exists, or the command's own entries tell how it ended. */
const NOT_AUDITED: ReadonlySet<ProblemCode> = new Set([
  'not_found',
  'method_not_allowed',
  'upgrade_required',
  'door_refused',
  'door_timeout',
  'internal',
]);
/** Only said of a door the caller may see: checked after the grant (protocol 6.5, 7.6). */
const OF_A_VISIBLE_DOOR: ReadonlySet<ProblemCode> = new Set([
  'action_not_allowed',
  'key_banned',
  'key_not_found',
  'wrong_key',
  'door_disabled',
  'stale_timestamp',
  'command_not_found',
  'door_offline',
]);

/** Wrong codes, proofs and tokens; expired and revoked ones were right once, and who sent none tried nothing. */
export function isFailedProof(visit: Visit, error: OpenLockError): boolean {
  return visit.tried && error.code === 'unauthenticated';
}

/** True when the one who asked is at fault, rather than a door, the store or this relay. */
export function isCallersFault({ stage }: Pick<Visit, 'stage'>, error: OpenLockError): boolean {
  return error.status < 500 && error.code !== 'door_refused' && stage !== 'load';
}

/** The limit a `rate_limited` visit met. */
export function limitMet({ stage, principal }: Visit): LimitName {
  if (stage === 'address') return 'address';
  if (stage === 'places') return 'sockets';
  if (stage === 'load') return 'relay';
  if (stage !== 'work') return 'site';
  return principal === undefined ? 'login' : 'door';
}

/** The audit entry of a refusal; `undefined` where there is none. */
export function entryOf(visit: Visit, error: OpenLockError): Refusal | undefined {
  if (NOT_AUDITED.has(error.code)) return undefined;
  const { context, principal, door, stage } = visit;
  return {
    kind: kindOf(visit, error),
    actor: principal === undefined ? 'anonymous' : actorOf(principal),
    code: error.code,
    address: context.address,
    requestId: context.requestId,
    ...(stage === 'work' && door !== undefined && OF_A_VISIBLE_DOOR.has(error.code) && { door }),
  };
}

function kindOf(visit: Visit, error: OpenLockError): Refusal['kind'] {
  if (error.code === 'rate_limited') return 'limit_hit';
  // On a socket that is open the token was presented before.
  const hasToken = visit.tried || visit.principal !== undefined;
  return hasToken && error.status === 401 ? 'auth_failed' : 'refused';
}

/** Whatever was thrown, as one of the protocol's codes; what is not one of ours is `internal` and says nothing. Every 429 says when to come back (8.1). */
export function asProblem(thrown: unknown): OpenLockError {
  if (!(thrown instanceof OpenLockError))
    return new OpenLockError('internal', 'The request could not be served; its id is in our log.', { cause: thrown });
  if (thrown.code !== 'rate_limited' || thrown.extras.retryAfterMs !== undefined) return thrown;
  return new OpenLockError(thrown.code, thrown.message, { ...thrown.extras, retryAfterMs: 1000 });
}
