import { OPERATOR } from '../principal.js';
import { channels, operatorKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';
import { sessionRevoked } from './site-store.js';

/** Typed calls of `redis/functions/operators.lua`: sessions of the machine's own operator. */
export class OperatorStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async openSession(sessionId: string, lifeMs: number, auditEntry: string): Promise<void> {
    await this.#link.call(
      'operator_session_open',
      [operatorKeys.session(sessionId), operatorKeys.audit],
      [lifeMs, auditEntry],
    );
  }

  async isAlive(sessionId: string): Promise<boolean> {
    return (await this.#link.run((client) => client.exists(operatorKeys.session(sessionId)))) === 1;
  }

  /** Tells every relay; nothing happens when the session has ended before. */
  async endSession(sessionId: string, auditEntry: string): Promise<void> {
    await this.#link.call(
      'operator_session_end',
      [operatorKeys.session(sessionId), operatorKeys.audit],
      [auditEntry, channels.fleet, sessionRevoked(OPERATOR, sessionId)],
    );
  }
}
