import type { Principal, RequestContext } from '../principal.js';

/** How far a visit came: which limit it would meet next, and what may be told about it in the audit trail. */
export type Stage = 'address' | 'access' | 'places' | 'load' | 'admission' | 'body' | 'work';

/**
 * What a blocked address (protocol 8.2) meets. `before`: it is refused at once. `on_failure`: it is refused when it fails
 * again, so that a good door proof, or a site ending its own session, passes. `none`: nothing here can be guessed at.
 */
export type BlockRule = 'before' | 'on_failure' | 'none';

/** The limit that was met: 8.1's three (`relay`: what it can do at all), a site at one door (6.5, 6.6), the work behind a login (3.2), or sockets (8.4). */
export type LimitName = 'address' | 'site' | 'relay' | 'door' | 'login' | 'sockets';

/** One request, upgrade or frame on its way through the gate. The way in and the gate write down here how far it came. */
export interface Visit {
  readonly context: RequestContext;
  /** The operation, for the log. */
  readonly work: string;
  /** What it has to prove, as failures are counted: `access_token`, `door_session`, or the operation that proves something itself. */
  readonly proof: string;
  readonly block: BlockRule;
  /** A new command: refused first when the relay has too much to do (protocol 8.1). */
  givesWay: boolean;
  stage: Stage;
  /** Something was presented that could be wrong: a token, a code, a proof. Who sends nothing guesses nothing. */
  tried: boolean;
  principal: Principal | undefined;
  /** The door it is about, as the visitor named it. */
  door: string | undefined;
}
