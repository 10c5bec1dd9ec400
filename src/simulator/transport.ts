/** HTTPS and WSS to a relay. The certificate is always checked; there is no switch to turn that off (protocol 4). */
import http from 'node:http';
import https from 'node:https';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';

import { WebSocket } from 'ws';

import { DOOR_SUBPROTOCOL } from '../protocol/door-frames.js';

const ANSWER_TIMEOUT_MS = 10_000;
const ANSWER_BYTES = 64 * 1024;
/** Relay to door: a command is under 8 KiB, a block of an update 4 KiB. */
const FRAME_BYTES = 16 * 1024;

/** An HTTP answer; `body` is `undefined` when it is not JSON. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
  /** From `Retry-After`, milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Shared by the doors of a fleet, so that thousands of them need one trust store, a few HTTP connections, and resume TLS
 * sessions instead of making a full handshake each. A single door has one of its own.
 */
export class RelayTransport {
  readonly #agents = new Map<string, http.Agent>();
  readonly #contexts = new Map<string, SecureContext>();
  readonly #tlsSessions = new Map<string, Buffer>();
  readonly #maxSockets: number;

  /** @param maxSockets HTTP connections held per relay; WebSockets are not counted. */
  constructor(maxSockets = 4) {
    this.#maxSockets = maxSockets;
  }

  /** POSTs JSON; rejects when there is no whole answer within 10 s. */
  post(origin: string, path: string, body: unknown, ca: string | undefined, signal?: AbortSignal): Promise<HttpAnswer> {
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const url = new URL(path, origin);
    const module = url.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const options = {
        method: 'POST',
        headers,
        agent: this.#agent(url, ca),
        timeout: ANSWER_TIMEOUT_MS,
        ...(signal !== undefined && { signal }),
      };
      const request = module.request(url, options, (response) => {
        readAnswer(response).then(resolve, reject);
      });
      request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
      request.on('error', reject);
      request.end(text);
    });
  }

  /** Starts the upgrade of protocol 4.6. */
  dial(origin: string, path: string, headers: Record<string, string>, ca: string | undefined): WebSocket {
    const url = new URL(path, origin);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const cacheKey = `${url.host} ${ca ?? ''}`;
    const session = this.#tlsSessions.get(cacheKey);
    const options = {
      headers,
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES,
      maxFragments: 16,
      handshakeTimeout: ANSWER_TIMEOUT_MS,
      ...(url.protocol === 'wss:' && { secureContext: this.#context(ca) }),
      ...(session !== undefined && { session }),
      finishRequest: (request: http.ClientRequest) => {
        request.once('socket', (socket) => {
          (socket as TLSSocket).on('session', (ticket: Buffer) => this.#tlsSessions.set(cacheKey, ticket));
        });
        request.end();
      },
    };
    return new WebSocket(url, [DOOR_SUBPROTOCOL], options);
  }

  /** Ends idle HTTP connections. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #agent(url: URL, ca: string | undefined): http.Agent {
    const key = `${url.protocol} ${ca ?? ''}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const options = { keepAlive: true, maxSockets: this.#maxSockets, timeout: ANSWER_TIMEOUT_MS };
      agent =
        url.protocol === 'https:'
          ? new https.Agent({ ...options, secureContext: this.#context(ca) })
          : new http.Agent(options);
      this.#agents.set(key, agent);
    }
    return agent;
  }

  #context(ca: string | undefined): SecureContext {
    const key = ca ?? '';
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = createSecureContext(ca === undefined ? {} : { ca });
      this.#contexts.set(key, context);
    }
    return context;
  }
}

/** Reads a bounded answer. */
export async function readAnswer(response: http.IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  const seconds = Number(response.headers['retry-after']);
  return {
    status: response.statusCode ?? 0,
    body: parseJson(Buffer.concat(chunks).toString('utf8')),
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
