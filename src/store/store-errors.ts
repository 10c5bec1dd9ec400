/** What a failed store access means to a caller: `store_unavailable` (protocol 8.3), or a mistake of ours that must stay visible. */
import type { Cancel, Clock } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';

/** Replies that say "not now"; every one of them proves that the command did not run. */
const NOT_NOW =
  /^(LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|MISCONF|OOM|TRYAGAIN|NOREPLICAS|BUSY|MOVED|ASK|NOAUTH|WRONGPASS|Too many Cluster redirections)\b/;

/**
 * Turns whatever a store access threw into what the caller should throw. Connection trouble and "not now" become
 * `store_unavailable`; other replies of Redis, and errors such as TypeError, are mistakes and pass through.
 */
export function toStoreError(error: unknown): unknown {
  if (error instanceof OpenLockError) return error;
  if (!(error instanceof Error)) return unavailable(error);
  withoutArguments(error);
  if (error.name === 'ReplyError' && !NOT_NOW.test(error.message)) return error;
  if (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    error instanceof ReferenceError
  )
    return error;
  return unavailable(error);
}

/** Redis said that `maxmemory` is used up; the command did not run. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('OOM ');
}

/** `store_unavailable` with the reason as its cause. */
export function unavailable(cause: unknown): OpenLockError {
  return new OpenLockError('store_unavailable', 'The store cannot be reached; try again shortly.', {
    retryAfterMs: 1000,
    cause,
  });
}

/** ioredis hangs the command with all its arguments on the error; those hold tokens and envelopes and would reach the log. */
function withoutArguments(error: Error): void {
  const { command } = error as { command?: { name?: unknown } };
  if (command !== undefined) Object.assign(error, { command: { name: command.name } });
}

/** Rejects with `store_unavailable` when `work` takes longer than `limitMs`. What `work` does then goes unobserved. */
export async function withinTime<T>(clock: Pick<Clock, 'after'>, limitMs: number, work: Promise<T>): Promise<T> {
  let cancel: Cancel | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_resolve, reject) => {
        cancel = clock.after(limitMs, () => reject(unavailable(new Error(`No answer within ${limitMs} ms.`))));
      }),
    ]);
  } finally {
    cancel?.();
  }
}
