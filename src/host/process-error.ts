import type { ProcessFailure } from './messages.js';

/** A relay process could not start, or not stop in time; `failure` is what the command line tells. */
export class ProcessError extends Error {
  override readonly name = 'ProcessError';
  constructor(readonly failure: ProcessFailure) {
    super(failure.detail);
  }
}
