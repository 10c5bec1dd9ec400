/** What a refusal leaves behind: a counter, an audit entry (protocol 10.1), and a log line where it is our fault. */
import type { Refusal } from '../audit/trail.js';
import { OpenLockError, type ProblemCode } from '../protocol/problem.js';
import type { Exchange } from './exchange.js';
import type { HttpLog, HttpMetrics, LimitName, RefusalTrail } from './services.js';

export interface RefusalsDependencies {
  readonly audit: RefusalTrail;
  readonly metrics: HttpMetrics;
  readonly log: HttpLog;
}

/** Not refusals: nothing was asked that exists, or the command's own entries tell how it ended. */
const NOT_AUDITED: ReadonlySet<ProblemCode> = new Set([
  'not_found',
  'method_not_allowed',
  'upgrade_required',
  'door_refused',
  'door_timeout',
  'internal',
]);
/** Only said of a door the site may see: checked after the grant (protocol 6.5, 7.6). */
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

export class Refusals {
  readonly #deps: RefusalsDependencies;

  constructor(dependencies: RefusalsDependencies) {
    this.#deps = dependencies;
  }

  note(exchange: Exchange, error: OpenLockError): void {
    const { audit, metrics, log } = this.#deps;
    const { requestId } = exchange.context;
    metrics.refusals.inc({ code: error.code });
    if (error.code === 'rate_limited') metrics.limiterHits.inc({ limit: limitAt(exchange) });
    if (error.code === 'internal')
      log.error({ requestId, route: exchange.route.id, err: error.cause ?? error }, 'a request failed');
    if (!NOT_AUDITED.has(error.code)) audit.refusal(entryOf(exchange, error));
  }
}

function limitAt({ stage, route }: Exchange): LimitName {
  if (stage === 'address') return 'address';
  if (route.audience !== 'site') return 'login';
  return stage === 'work' ? 'door' : 'site';
}

function entryOf(exchange: Exchange, error: OpenLockError): Refusal {
  const { context, identity, params, stage } = exchange;
  const door = stage === 'work' && OF_A_VISIBLE_DOOR.has(error.code) ? params['doorId'] : undefined;
  return {
    kind: kindOf(exchange, error),
    actor: identity?.siteId ?? 'anonymous',
    code: error.code,
    address: context.address,
    requestId: context.requestId,
    ...(door !== undefined && { door }),
  };
}

function kindOf(exchange: Exchange, error: OpenLockError): Refusal['kind'] {
  if (error.code === 'rate_limited') return 'limit_hit';
  if (error.status === 401 && (exchange.tokenPresented || exchange.route.audience !== 'site')) return 'auth_failed';
  return 'refused';
}

/** Whatever was thrown, as one of the protocol's codes; what is not one of ours is `internal` and says nothing. */
export function asOpenLockError(thrown: unknown): OpenLockError {
  if (thrown instanceof OpenLockError) return thrown;
  return new OpenLockError('internal', 'The request could not be served; its id is in our log.', { cause: thrown });
}
