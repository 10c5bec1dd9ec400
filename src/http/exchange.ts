/** One request and its answer on their way through the pipeline. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clock } from '../clock.js';
import type { Visit } from '../gate/visit.js';
import type { Route } from './route.js';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly visit: Visit;
  readonly clock: Clock;
  /** Of every answer, names and values by turns. */
  readonly headers: readonly string[];
  /** Whether this browser may read the answer has been decided (protocol 3.6). */
  crossOriginDecided: boolean;
}

/** The client went away before its request was whole: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
