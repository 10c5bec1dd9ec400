import type { AuditTrail } from '../audit/trail.js';
import type { Random } from '../clock.js';
import { OPERATOR, type OperatorPrincipal, type RequestContext } from '../principal.js';
import { OpenLockError } from '../protocol/problem.js';
import type { AccessTokens } from '../sites/access-tokens.js';
import type { OperatorStore } from '../store/operator-store.js';

export interface OperatorSessionsDependencies {
  readonly store: OperatorStore;
  readonly tokens: AccessTokens;
  readonly audit: AuditTrail;
  readonly random: Random;
}

/** Sessions of the machine's own operator (protocol 11.2): as long as one access token, without a refresh token. */
export class OperatorSessions {
  readonly #deps: OperatorSessionsDependencies;

  constructor(dependencies: OperatorSessionsDependencies) {
    this.#deps = dependencies;
  }

  /** An access token for the command line. `publicOrigin`: the relay's own, as its issuer. */
  async token(publicOrigin: string): Promise<string> {
    const { store, tokens, audit, random } = this.#deps;
    const sessionId = `sess_${random.bytes(16).toString('base64url')}`;
    const entry = audit.entry({ kind: 'token_issued', actor: OPERATOR });
    await store.openSession(sessionId, tokens.lifetimeSeconds * 1000, entry);
    return tokens.issue({ siteId: undefined, sessionId, origin: publicOrigin, issuer: publicOrigin });
  }

  /** Throws `token_revoked` when the session has ended, `store_unavailable`. */
  async admit({ sessionId }: OperatorPrincipal): Promise<void> {
    if (await this.#deps.store.isAlive(sessionId)) return;
    throw new OpenLockError('token_revoked', 'The session of this access token has ended.');
  }

  /** Ends the session on every relay (protocol 3.4); one that has ended already is fine. */
  async revoke({ sessionId }: OperatorPrincipal, { address, requestId }: RequestContext): Promise<void> {
    const entry = this.#deps.audit.entry({ kind: 'token_revoked', actor: OPERATOR, address, requestId });
    await this.#deps.store.endSession(sessionId, entry);
  }
}
