import { AddressLimiter } from '../http/address-limiter.js';
import { FailureLimits } from '../store/failure-limits.js';
import type { RedisLink } from '../store/redis-link.js';
import type { Base } from './store.js';

/** What is asked of an address, whatever it comes for (protocol 8.1, 8.2). */
export function makeGate({ config, clock, random, metrics, audit, onError }: Base, link: RedisLink) {
  const failures = new FailureLimits(link, {
    clock,
    onBlocked: (address) => audit.refusal({ kind: 'address_blocked', actor: 'anonymous', code: 'ip_blocked', address }),
  });
  const addressLimiter = new AddressLimiter({ ratePerSecond: config.addressRate, clock, random });
  const takeAddress = (address: string): { allowed: boolean; retryAfterMs: number } => {
    const verdict = addressLimiter.take(address);
    if (!verdict.allowed) metrics.limiterHits.inc({ limit: 'address' });
    if (verdict.sustained) failures.record(address).catch((error: unknown) => onError(error, 'failure'));
    return verdict;
  };
  return { failures, addressLimiter, takeAddress };
}
export type Gate = ReturnType<typeof makeGate>;
