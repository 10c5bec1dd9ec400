import { closeByCode } from '../protocol/close-codes.js';
import { LIMITS } from '../protocol/limits.js';
import type { OpenLockError } from '../protocol/problem.js';
import { PROBLEMS } from '../protocol/problem.js';
import type { ClientRandom } from './ambient.js';
import { UnreachableError } from './errors.js';

/** How an attempt at a socket ended. */
export interface SocketEnd {
  /** Milliseconds the socket was open; 0 when it never was. */
  readonly openMs: number;
  /** WebSocket close code; 1006 when there was no closing handshake. */
  readonly code: number;
  readonly reason: string;
  /** What the token endpoint or a request on HTTP said, where the socket itself could not tell (a browser hides why an upgrade was refused). */
  readonly problem?: OpenLockError;
}

/** What comes next: another attempt, perhaps with a new token, or nothing. */
export type NextStep =
  | { readonly act: 'retry'; readonly delayMs: number; readonly renewToken: boolean }
  | { readonly act: 'stop'; readonly error: OpenLockError };

const HOUR_MS = 3_600_000;
const BLOCKED_MS = 60_000;
/** A socket that lived this long counts as a success: the next failure starts from the shortest wait. */
const STABLE_MS = 10_000;

/** When to try again (protocol 5.6): full-jitter exponential backoff, 0.5 s to 60 s. */
export class ReconnectPolicy {
  readonly #random: ClientRandom;
  #failures = 0;

  constructor(random: ClientRandom) {
    this.#random = random;
  }

  decide(end: SocketEnd): NextStep {
    if (end.openMs >= STABLE_MS) this.#failures = 0;
    const delayMs = this.#backoff();
    if (end.problem !== undefined) return afterProblem(end.problem, delayMs);
    const close = closeByCode(end.code);
    switch (close?.next) {
      case 'stop':
        return {
          act: 'stop',
          error: new UnreachableError(
            'closed',
            `the relay ended the socket for good: ${close.code} ${close.reason}`,
            false,
          ),
        };
      case 'wait_hour':
        return { act: 'retry', delayMs: HOUR_MS, renewToken: false };
      case 'authenticate':
        return { act: 'retry', delayMs, renewToken: true };
      case 'reconnect':
      case undefined:
        return { act: 'retry', delayMs, renewToken: false };
    }
  }

  /** Between 0.5 s and a ceiling that doubles with each failure up to 60 s. */
  #backoff(): number {
    this.#failures = Math.min(this.#failures + 1, 16);
    const ceiling = Math.min(LIMITS.backoffMaxMs, LIMITS.backoffMinMs * 2 ** this.#failures);
    return Math.round(LIMITS.backoffMinMs + this.#random.fraction() * (ceiling - LIMITS.backoffMinMs));
  }
}

function afterProblem(problem: OpenLockError, backoffMs: number): NextStep {
  const retry = (delayMs: number): NextStep => ({
    act: 'retry',
    delayMs: Math.max(backoffMs, delayMs),
    renewToken: false,
  });
  if (problem.code === 'site_blocked') return retry(HOUR_MS);
  if (problem.code === 'ip_blocked') return retry(problem.extras.retryAfterMs ?? BLOCKED_MS);
  const isFinal = PROBLEMS[problem.code].status === 401 || problem.code === 'forbidden_origin';
  return isFinal ? { act: 'stop', error: problem } : retry(problem.extras.retryAfterMs ?? 0);
}
