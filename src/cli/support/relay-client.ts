/** `fetch` and `WebSocket` for the SDK that reach this machine's relay and trust its own certificate authority, and it alone besides the public roots. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';

import { WebSocket } from 'ws';

import type { FetchInit, WebSocketConstructor } from '../../client/ambient.js';
import type { Config } from '../../config.js';
import type { RelayAddress } from './relay-address.js';

export type RelayFetch = (url: string, init: FetchInit) => Promise<Response>;

export interface RelayRoute {
  /** Where requests really go, whatever host the URL names. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM certificates to trust. */
  readonly ca: readonly string[];
}

/** The way to the relay that runs on this machine: its listener, by the certificate it has by configuration. */
export function localRoute(config: Config, address: RelayAddress): RelayRoute {
  return { host: address.host, port: address.port, tls: address.tls, ca: address.tls ? trusted(config) : [] };
}

function trusted(config: Config): readonly string[] {
  const own = ownAuthority(config);
  return own === undefined ? rootCertificates : [own, ...rootCertificates];
}

/** PEM of what vouches for this relay beyond the public roots: its own certificate by configuration, or the local authority. */
export function ownAuthority(config: Config): string | undefined {
  try {
    return readFileSync(config.tlsCert ?? join(config.dataDir, 'tls', 'ca.pem'), 'utf8');
  } catch {
    // No relay ever started here: the connection itself will say so.
    return undefined;
  }
}

/** A `fetch` over that route. The certificate must name the host of the URL, or localhost where it is the local authority's. */
export function relayFetch(route: RelayRoute): RelayFetch {
  return (url, init) =>
    new Promise((resolve, reject) => {
      const target = new URL(url);
      const module = route.tls ? https : http;
      const request = module.request(
        {
          host: route.host,
          port: route.port,
          path: `${target.pathname}${target.search}`,
          method: init.method,
          headers: {
            ...init.headers,
            host: target.host,
            ...(init.body !== undefined && { 'content-length': Buffer.byteLength(init.body) }),
          },
          signal: init.signal,
          ...(route.tls && { ca: [...route.ca], servername: isIP(target.hostname) === 0 ? target.hostname : '' }),
        },
        (incoming) => {
          resolve(answer(incoming));
        },
      );
      request.once('error', reject);
      request.end(init.body);
    });
}

const BODILESS = [204, 304];

function answer(incoming: http.IncomingMessage): Response {
  const status = incoming.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  return new Response(BODILESS.includes(status) ? null : (Readable.toWeb(incoming) as ReadableStream), {
    status,
    headers,
  });
}

/** A `WebSocket` class that trusts `ca`; it goes where the URL says. */
export function relayWebSocket(ca: readonly string[]): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, {
        ca: [...ca],
        perMessageDeflate: false,
        maxPayload: 64 * 1024,
        maxFragments: 16,
        handshakeTimeout: 10_000,
      });
    }
  };
}
