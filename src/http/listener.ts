/**
 * The listening server: TLS or plain, with a time limit on everything a stranger could hold open, and a stop that ends.
 */
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { Random } from '../clock.js';
import { OpenLockError, toProblemBody } from '../protocol/problem.js';
import type { RequestHandler } from './router.js';

export interface ListenerTimeouts {
  /** TCP accepted to TLS spoken. Default 10 s. */
  readonly handshakeMs: number;
  /** Connected, or first byte of a request, to the last of its headers. Default 10 s. */
  readonly headersMs: number;
  /** The same to the end of its body. Default 20 s. */
  readonly requestMs: number;
  /** Idle between requests; longer than the proxies in front wait. Default 65 s. */
  readonly keepAliveMs: number;
  /** How often the two above are looked after. Default 2 s. */
  readonly checkMs: number;
}

export interface ListenerOptions {
  /** PEM certificate chain and key; `undefined`: plain http, behind a proxy. */
  readonly tls: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  readonly handler: RequestHandler;
  readonly random: Random;
  readonly timeouts?: Partial<ListenerTimeouts>;
}

export interface Listener {
  /** For the `upgrade` listener. */
  readonly server: HttpServer | HttpsServer;
  /** Listens; returns the port, which for 0 is a free one. */
  start(port: number, host: string): Promise<number>;
  /** Accepts nothing more, lets running requests end, and cuts what is left after `graceMs` (default 5 s). */
  stop(graceMs?: number): Promise<void>;
}

const DEFAULTS: ListenerTimeouts = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 20_000,
  keepAliveMs: 65_000,
  checkMs: 2_000,
};
const MAX_HEADER_BYTES = 16 * 1024;
const BACKLOG = 4096;
const IDLE_SWEEP_MS = 25;
/** For a last answer to somebody who may not read it. */
const FAREWELL_MS = 1_000;

export function createListener(options: ListenerOptions): Listener {
  const timeouts = { ...DEFAULTS, ...options.timeouts };
  const settings: ServerOptions = {
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionsCheckingInterval: timeouts.checkMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // The pipeline refuses a missing Host itself, with a problem body.
    requireHostHeader: false,
  };
  const server =
    options.tls === undefined
      ? createHttpServer(settings, options.handler)
      : createHttpsServer(
          { ...settings, ...options.tls, minVersion: 'TLSv1.2', handshakeTimeout: timeouts.handshakeMs },
          options.handler,
        );
  // An expectation nobody knows may be ignored (RFC 9110 10.1.1); Node would answer it without our headers.
  server.on('checkExpectation', options.handler);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseUnreadable(error, socket, options.random));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    server,
    start: (port, host) => listen(server, port, host),
    stop: (graceMs = 5_000) => close(server, sockets, graceMs),
  };
}

async function listen(server: HttpServer | HttpsServer, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

async function close(server: HttpServer | HttpsServer, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    // A kept-alive connection becomes idle whenever its last answer is out, so idleness is looked for again and again.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
    const deadline = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(deadline);
      resolve();
    });
  });
}

/** Bytes that are no request, or never became one in time: the answer has the form of all others, and the connection ends. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex, random: Random): void {
  const current = (socket as { readonly _httpMessage?: ServerResponse })._httpMessage;
  // Everything else is a broken connection or a TLS handshake that failed or never came: nothing can be said on it, and
  // who listens here has to end it.
  const isAboutHttp = /^(HPE_|ERR_HTTP_)/.test(error.code ?? '');
  if (!isAboutHttp || !socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const requestId = random.bytes(12).toString('base64url');
  const body = JSON.stringify(toProblemBody(new OpenLockError('invalid_request', detailOf(error)), requestId));
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Vary: Origin',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
}

function detailOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return `The headers may have ${MAX_HEADER_BYTES} bytes.`;
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.';
  return 'This is not a well-formed HTTP request.';
}
