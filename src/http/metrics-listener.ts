/** Prometheus metrics on a listener of their own, on loopback (protocol 2.4): no TLS, no tokens, nobody else can reach it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { HttpLog } from './services.js';

/** prom-client's Registry, as far as it is needed. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface MetricsListener {
  /** Listens on 127.0.0.1; returns the port, which for 0 is a free one. */
  start(port: number): Promise<number>;
  stop(): Promise<void>;
}

export function createMetricsListener(source: MetricsSource, log: HttpLog): MetricsListener {
  const server = createServer(
    { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 },
    (request, response) => {
      void serve(source, log, request, response);
    },
  );
  return {
    start: async (port) => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
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
    if (!isLoopbackName(request.headers.host)) return refuse(response, 403, 'Ask by a loopback address.');
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

/** A web page that points its own name at 127.0.0.1 would be read by the browser as its own: such names are refused. */
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
