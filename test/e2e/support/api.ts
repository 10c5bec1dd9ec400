/** HTTP calls over kept connections: many in a test, without a TLS handshake each. */
import { Agent, request } from 'node:https';

import type { HttpAnswer } from '../../support/site.js';
import type { Reachable } from './relay-process.js';

export class Api {
  readonly #relay: Reachable;
  readonly #agent: Agent;

  constructor(relay: Reachable) {
    this.#relay = relay;
    this.#agent = new Agent({ keepAlive: true, ca: relay.ca });
  }

  /** Rejects when the connection breaks before the answer is whole. */
  call(method: string, path: string, token: string, body?: object): Promise<HttpAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.#relay.url}${path}`, { method, headers, agent: this.#agent }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const received = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: (received === '' ? {} : JSON.parse(received)) as Record<string, unknown>,
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
