import type { Environment } from '../../config.js';

/** What a command may touch of its process; handed in by main.ts, by tests, never taken from a global. */
export interface Io {
  readonly environment: Environment;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Aborted by the first SIGINT or SIGTERM from the first call on; a second signal then ends the process. */
  stopSignal(): AbortSignal;
}

export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): boolean;
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
