/** One request and its answer on their way through the pipeline. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { RequestContext, SiteIdentity } from '../principal.js';
import type { Route } from './route.js';

/** How far a request came; says which limit it met and what may be told about it in the audit trail. */
export type Stage = 'address' | 'access' | 'admission' | 'body' | 'work';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly context: RequestContext;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  stage: Stage;
  /** A bearer token was sent, good or not. */
  tokenPresented: boolean;
  identity: SiteIdentity | undefined;
  /** Whether this browser may read the answer has been decided (protocol 3.6). */
  crossOriginDecided: boolean;
}

/** The client went away before its request was whole: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
