/**
 * Prometheus metrics on a listener of their own, on loopback unless the operator says otherwise (protocol 2.4): no TLS, no
 * tokens; whoever reaches the address reads them, and there is nothing secret in them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';

import type { HttpLog } from './services.js';

/** prom-client's Registry, as far as it is needed. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface MetricsListener {
  /** Listens on `host`; returns the port, which for 0 is a free one. */
  start(port: number, host: string): Promise<number>;
  stop(): Promise<void>;
}

export function createMetricsListener(source: MetricsSource, log: HttpLog): MetricsListener {
  let isOnLoopback = true;
  const server = createServer(
    { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 },
    (request, response) => {
      // A web page that points its own name at 127.0.0.1 would be read by the browser as its own: such names are refused.
      if (isOnLoopback && !isLoopbackName(request.headers.host)) refuse(response, 403, 'Ask by a loopback address.');
      else void serve(source, log, request, response);
    },
  );
  return {
    start: async (port, host) => {
      isOnLoopback = isLoopbackName(isIP(host) === 6 ? `[${host}]` : host);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      return (server.address() as AddressInfo).port;
    },
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  source: MetricsSource,
  log: HttpLog,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.url?.split('?')[0] !== '/metrics') return refuse(response, 404, 'There is only /metrics.');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Only GET.');
    const text = await source.metrics();
    response.writeHead(200, {
      'Content-Type': source.contentType,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    response.end(text);
  } catch (error) {
    log.error({ err: error }, 'metrics could not be collected');
    refuse(response, 500, 'The metrics could not be collected.');
  }
}

function isLoopbackName(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    ...(status === 405 && { Allow: 'GET, HEAD' }),
  });
  response.end(`${text}\n`);
}
