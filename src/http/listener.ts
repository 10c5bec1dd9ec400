/**
 * The listening server: TLS or plain, with a time limit on everything a stranger could hold open, and a stop that ends.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';

import { sleep, type Clock, type Random } from '../clock.js';
import type { ConnectionLimits } from '../gate/connection-limits.js';
import { OpenLockError } from '../protocol/problem.js';
import { rawProblem } from './answering.js';
import { ignoreUpgrade, wantsWebSocket } from './ignored-upgrade.js';
import type { RequestHandler } from './router.js';
import { TLS_SETTINGS } from './tls-settings.js';

export interface ListenerTimeouts {
  /** TCP accepted to TLS spoken. Default 10 s. */
  readonly handshakeMs: number;
  /** Connected, or first byte of a request, to the last of its headers. Default 10 s. */
  readonly headersMs: number;
  /** The same to the end of its body. Default 20 s. */
  readonly requestMs: number;
  /** Idle between requests; longer than the proxies in front wait. Default 65 s. */
  readonly keepAliveMs: number;
  /** Nothing comes or goes, an answer that nobody reads included. Longer than any command may wait. Default 90 s. */
  readonly stuckMs: number;
  /** How often the limits of headers and requests are looked after. Default 2 s. */
  readonly checkMs: number;
}

export interface ListenerOptions {
  /** PEM certificate chain and key; `undefined`: plain http, behind a proxy. */
  readonly tls: Pick<TlsOptions, 'cert' | 'key' | 'ticketKeys' | 'SNICallback'> | undefined;
  readonly handler: RequestHandler;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: none. */
  readonly limits?: Pick<ConnectionLimits, 'enter'>;
  readonly timeouts?: Partial<ListenerTimeouts>;
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface Listener {
  readonly server: HttpServer | HttpsServer;
  /** From now on requests that want to become WebSockets are given to `handler`; before, they are requests as others. */
  onUpgrade(handler: UpgradeHandler): void;
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
  stuckMs: 90_000,
  checkMs: 2_000,
};
const MAX_HEADER_BYTES = 16 * 1024;
const BACKLOG = 4096;
/** Requests of one connection without an answer yet: each costs some 10 KiB, and all that fit in one read are there at once. */
const UNANSWERED_MAX = 64;
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
  const handler = boundUnanswered(options.handler);
  const server =
    options.tls === undefined
      ? createHttpServer(settings, handler)
      : createHttpsServer(
          { ...settings, ...TLS_SETTINGS, ...options.tls, handshakeTimeout: timeouts.handshakeMs },
          handler,
        );
  server.timeout = timeouts.stuckMs;
  // An expectation nobody knows may be ignored (RFC 9110 10.1.1); Node would answer it without our headers.
  server.on('checkExpectation', handler);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseUnreadable(error, socket, options));
  const connections = new Connections(server, options);
  return {
    server,
    onUpgrade: (handler) => {
      server.on('upgrade', (request, socket, head) => {
        connections.asked(request.socket);
        // Node listens no longer, and whoever takes over may do so later: a reset must not end the process.
        socket.on('error', () => undefined);
        const pending = responseOn(socket);
        // Sent before the answer to a request was there: whoever does that has to ask again on another connection.
        if (pending !== undefined) pending.once('close', () => socket.end(() => socket.destroy()));
        else if (wantsWebSocket(request)) handler(request, socket, head);
        else ignoreUpgrade(request, socket, head, connections.serveAgain);
      });
    },
    start: (port, host) => listen(server, port, host),
    stop: (graceMs = 5_000) => close(server, connections.sockets, graceMs, options.clock),
  };
}

/** Whoever sends requests on and on without waiting for answers is cut off: what he may hold is bounded (protocol 8.4). */
function boundUnanswered(handler: RequestHandler): RequestHandler {
  const unanswered = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > UNANSWERED_MAX) return void socket.destroy();
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    handler(request, response);
  };
}

/** The connections there are. What Node would do with a fresh one, a TLS handshake above all, happens only if the limits allow it. */
class Connections {
  readonly sockets = new Set<Socket>();
  readonly #server: HttpServer | HttpsServer;
  readonly #limits: ListenerOptions['limits'];
  readonly #isTls: boolean;
  readonly #serve: readonly ((socket: Socket) => void)[];
  /** Connections without a request: what to call at their first. */
  readonly #waiting = new Map<string, () => void>();

  constructor(server: HttpServer | HttpsServer, { tls, limits }: ListenerOptions) {
    this.#server = server;
    this.#limits = limits;
    this.#isTls = tls !== undefined;
    this.#serve = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.#accept(socket));
    for (const event of ['request', 'checkExpectation'])
      server.prependListener(event, (request: IncomingMessage) => this.asked(request.socket));
  }

  /** Gives a connection back to the server after its upgrade was ignored. */
  readonly serveAgain = (socket: Duplex): void => {
    // With TLS it is the decrypted side that HTTP is spoken on.
    if (this.#isTls) this.#server.emit('secureConnection', socket);
    else for (const serve of this.#serve) serve.call(this.#server, socket as Socket);
  };

  #accept(socket: Socket): void {
    const asked = this.#limits?.enter(socket.remoteAddress ?? 'unknown', this.#isTls);
    if (this.#limits !== undefined && asked === undefined) return void socket.resetAndDestroy();
    const name = nameOf(socket);
    if (asked !== undefined) this.#waiting.set(name, asked);
    this.sockets.add(socket);
    socket.once('close', () => {
      this.sockets.delete(socket);
      this.#leave(name, asked);
    });
    for (const serve of this.#serve) serve.call(this.#server, socket);
  }

  /** The connection has sent a request. */
  asked(socket: Socket): void {
    if (this.#waiting.size > 0) this.#leave(nameOf(socket));
  }

  #leave(name: string, asked = this.#waiting.get(name)): void {
    asked?.();
    if (asked !== undefined && this.#waiting.get(name) === asked) this.#waiting.delete(name);
  }
}

/** The answer that is being written to the connection; Node keeps it there. */
function responseOn(socket: Duplex): ServerResponse | undefined {
  return (socket as { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** The same for a TCP socket and the TLS socket on top of it. */
function nameOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0} ${localAddress ?? ''}`;
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

async function close(
  server: HttpServer | HttpsServer,
  sockets: ReadonlySet<Socket>,
  graceMs: number,
  clock: Clock,
): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    // A kept-alive connection becomes idle whenever its last answer is out, so idleness is looked for again and again.
    const stopSweep = clock.every(IDLE_SWEEP_MS, () => server.closeIdleConnections());
    const cancelDeadline = clock.after(graceMs, () => {
      for (const socket of sockets) socket.destroy();
    });
    server.close(() => {
      stopSweep();
      cancelDeadline();
      resolve();
    });
  });
}

/** Bytes that are no request, or never became one in time: the answer has the form of all others, and the connection ends. */
function refuseUnreadable(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  { clock, random }: Pick<ListenerOptions, 'clock' | 'random'>,
): void {
  const current = responseOn(socket);
  // Everything else is a broken connection or a TLS handshake that failed or never came: nothing can be said on it, and
  // who listens here has to end it.
  const isAboutHttp = /^(HPE_|ERR_HTTP_)/.test(error.code ?? '');
  if (!isAboutHttp || !socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const requestId = random.bytes(12).toString('base64url');
  const answer = rawProblem(new OpenLockError('invalid_request', detailOf(error)), requestId);
  socket.end(answer, () => socket.destroy());
  void sleep(clock, FAREWELL_MS).then(() => socket.destroy());
}

function detailOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return `The headers may have ${MAX_HEADER_BYTES} bytes.`;
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.';
  return 'This is not a well-formed HTTP request.';
}
