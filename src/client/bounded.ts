import type { ClientClock } from './ambient.js';

export interface Bounds {
  readonly clock: ClientClock;
  readonly timeoutMs: number;
  /** The caller's; its reason is what the promise rejects with. */
  readonly signal?: AbortSignal | undefined;
  /** The error of a time-out. */
  readonly late: () => Error;
}

/**
 * Runs `act` with a time limit and the caller's signal, and comes back at that moment even if `act` does not listen to
 * the signal it is handed.
 */
export async function bounded<T>(bounds: Bounds, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, signal, late } = bounds;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const cancelTimer = clock.after(timeoutMs, () => {
    controller.abort(late());
  });
  const forward = (): void => {
    controller.abort(signal?.reason);
  };
  signal?.addEventListener('abort', forward, { once: true });
  const ended = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(asError(controller.signal.reason)), { once: true });
  });
  try {
    return await Promise.race([act(controller.signal), ended]);
  } finally {
    cancelTimer();
    signal?.removeEventListener('abort', forward);
  }
}

/** Resolves after `delayMs`, or rejects with the signal's reason. Leaves nothing on the signal, which may live long. */
export async function pause(clock: ClientClock, delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(asError(signal?.reason));
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** An abort reason may be anything; what is thrown is an Error. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
