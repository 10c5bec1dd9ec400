import type { RelayFetch } from '../support/relay-client.js';

/** One command as it went over the wire. */
export interface TappedCommand {
  /** The JWE sent. */
  readonly request: string;
  /** The receipt's JWE that came back. */
  readonly receipt: string;
  /** Everything that was sent, as text. */
  readonly wire: string;
}

/** Stands where the relay stands: keeps the commands that pass a `fetch`, exactly as sent. */
export class WireTap {
  readonly fetch: RelayFetch;
  readonly #fetch: RelayFetch;
  #last: { readonly url: string; readonly body: string; readonly answer: string } | undefined;

  constructor(fetch: RelayFetch) {
    this.#fetch = fetch;
    this.fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (url.endsWith('/commands') && init.body !== undefined)
        this.#last ??= { url, body: init.body, answer: await answer.clone().text() };
      return answer;
    };
  }

  /** The first command that passed. */
  command(): TappedCommand {
    if (this.#last === undefined) throw new Error('no command passed');
    return {
      request: member(this.#last.body, 'jwe'),
      receipt: member(this.#last.answer, 'receipt'),
      wire: this.#last.body,
    };
  }

  /** What somebody with a recording does: sends the same bytes again. */
  async resend(accessToken: string): Promise<{ readonly status: number; readonly code: string }> {
    if (this.#last === undefined) throw new Error('no command passed');
    const answer = await this.#fetch(this.#last.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${accessToken}` },
      body: this.#last.body,
      signal: AbortSignal.timeout(10_000),
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    });
    return { status: answer.status, code: member(await answer.text(), 'code') };
  }
}

function member(json: string, name: string): string {
  const value: unknown = JSON.parse(json);
  const found: unknown =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof found === 'string' ? found : '';
}
