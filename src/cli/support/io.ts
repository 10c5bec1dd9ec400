import { Writable } from 'node:stream';

import type { Environment } from '../../config.js';

/** What a command may touch of its process; handed in by main.ts, by tests, never taken from a global. */
export interface Io {
  readonly environment: Environment;
  /** The program's own file, for further processes of it. */
  readonly entry: string;
  /** Name of the account it runs under, for the audit trail. */
  readonly user: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /**
   * Aborted by the first SIGINT or SIGTERM from the first call on; another one a second later ends the process. `attended`:
   * there is no point in going on unwatched, so that a closed terminal, a pipe nobody reads any more, and the end of the process that started us are signals, too.
   */
  stopSignal(options?: { readonly attended?: boolean }): AbortSignal;
}

export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): boolean;
}

/** A sink for those who need a stream. */
export function streamTo(sink: Sink): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      sink.write(String(chunk));
      done();
    },
  });
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
