import { OpenLockError } from '../protocol/problem.js';
import type { HttpRequest, HttpTransport } from './http-transport.js';
import type { Session } from './session.js';

/** Requests with the session's token. */
export class ApiClient {
  readonly #http: HttpTransport;
  readonly #session: Session;

  constructor(http: HttpTransport, session: Session) {
    this.#http = http;
    this.#session = session;
  }

  /**
   * As {@link HttpTransport.request}, authorized. A `token_expired` (this machine's clock may be off) renews and asks once
   * more: what is refused for its token was neither recorded nor acted upon (protocol 6.5), so this holds for commands too.
   */
  async request(request: Omit<HttpRequest, 'accessToken'>): Promise<unknown> {
    const { accessToken } = await this.#session.current();
    try {
      return await this.#http.request({ ...request, accessToken });
    } catch (error) {
      if (error instanceof OpenLockError && error.code === 'token_revoked')
        await this.#session.ended(accessToken, error);
      if (!(error instanceof OpenLockError) || error.code !== 'token_expired') throw error;
      const renewed = await this.#session.renew(accessToken);
      return this.#http.request({ ...request, accessToken: renewed.accessToken });
    }
  }
}

/** The path of a door's resources. */
export function doorPath(doorId: string): string {
  return `/v1/doors/${encodeURIComponent(doorId)}`;
}
