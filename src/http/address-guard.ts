/** Limits and blocks by address (protocol 8.1, 8.2), where the pipeline asks and tells them. */
import { OpenLockError } from '../protocol/problem.js';
import type { Exchange } from './exchange.js';
import type { AddressGate, FailureGuard, HttpLog, HttpMetrics } from './services.js';

export interface AddressGuardDependencies {
  readonly limiter: AddressGate;
  readonly failures: FailureGuard;
  readonly metrics: Pick<HttpMetrics, 'authFailures'>;
  readonly log: HttpLog;
}

export class AddressGuard {
  readonly #deps: AddressGuardDependencies;

  constructor(dependencies: AddressGuardDependencies) {
    this.#deps = dependencies;
  }

  /** Throws `rate_limited` when the address sends more than it may (8.1). */
  take(exchange: Exchange): void {
    const { address } = exchange.context;
    const verdict = this.#deps.limiter.take(address);
    if (verdict.allowed) return;
    // Ten seconds above the limit count as one failure; the flood itself is not made to wait for the store.
    if (verdict.sustained) void this.#record(exchange);
    throw new OpenLockError('rate_limited', 'Too many requests from this address.', {
      retryAfterMs: verdict.retryAfterMs,
    });
  }

  /** Throws `ip_blocked` while the address is (8.2), `store_unavailable` when nobody can tell (8.3). */
  async refuseBlocked(exchange: Exchange): Promise<void> {
    let retryAfterMs: number;
    try {
      retryAfterMs = await this.#deps.failures.isBlocked(exchange.context.address);
    } catch (error) {
      if (error instanceof OpenLockError) throw error;
      throw new OpenLockError('store_unavailable', 'The store cannot be reached; try again shortly.', {
        retryAfterMs: 1000,
        cause: error,
      });
    }
    if (retryAfterMs > 0) throw blocked(retryAfterMs);
  }

  /**
   * A request was refused: if what it tried to prove was wrong, that counts. Returns what to answer, which is `ip_blocked`
   * where a failing caller of a route with the rule `on_failure` comes from a blocked address.
   */
  async noteRefusal(exchange: Exchange, error: OpenLockError): Promise<OpenLockError> {
    if (!isFailedProof(exchange, error)) return error;
    this.#deps.metrics.authFailures.inc({
      kind: exchange.route.audience === 'site' ? 'access_token' : exchange.route.id,
    });
    const retryAfterMs = exchange.route.block === 'on_failure' ? await this.#blockedMs(exchange) : 0;
    if (retryAfterMs > 0) return blocked(retryAfterMs);
    await this.#record(exchange);
    return error;
  }

  async #blockedMs(exchange: Exchange): Promise<number> {
    try {
      return await this.#deps.failures.isBlocked(exchange.context.address);
    } catch {
      return 0; // refused it is, for the failure itself
    }
  }

  async #record(exchange: Exchange): Promise<void> {
    try {
      await this.#deps.failures.record(exchange.context.address);
    } catch (error) {
      this.#deps.log.warn(
        { err: error, requestId: exchange.context.requestId },
        'a failed authentication could not be counted',
      );
    }
  }
}

/** Wrong codes, proofs and tokens; expired and revoked ones were right once, and a request without any tried nothing. */
function isFailedProof(exchange: Exchange, error: OpenLockError): boolean {
  if (error.code !== 'unauthenticated') return false;
  return exchange.route.audience === 'site' ? exchange.tokenPresented : exchange.stage === 'work';
}

function blocked(retryAfterMs: number): OpenLockError {
  return new OpenLockError('ip_blocked', 'Too many failures from this address.', { retryAfterMs });
}
