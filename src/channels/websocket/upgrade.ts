/**
 * The door to both sockets: everything is checked before an upgrade is accepted (protocol 4.6, 7.7). Flat guards, each
 * naming its refusal; a refusal is a plain HTTP answer with a problem body.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type WebSocket } from 'ws';

import type { Clock, Random } from '../../clock.js';
import type { RequestContext, SiteIdentity } from '../../principal.js';
import type { Metrics } from '../../metrics.js';
import type { AuditTrail } from '../../audit/trail.js';
import { CLIENT_BEARER_PREFIX, CLIENT_SUBPROTOCOL } from '../../protocol/client-frames.js';
import { DOOR_SUBPROTOCOL } from '../../protocol/door-frames.js';
import { DOOR_ID } from '../../protocol/ids.js';
import { LIMITS } from '../../protocol/limits.js';
import { OpenLockError, toProblemBody, type ProblemCode } from '../../protocol/problem.js';
import type { Presence } from '../../doors/presence.js';
import type { DoorRecordStore } from '../../store/door-records.js';
import { ClientConnection } from './client-connection.js';
import type { ClientHub, SiteSessions } from './client-hub.js';
import { WebSocketDoorChannel } from './door-channel.js';
import { LiveSocket } from './live-socket.js';

export interface UpgradeDependencies {
  readonly presence: Pick<Presence, 'adopt'>;
  readonly clientHub: ClientHub;
  readonly doors: Pick<DoorRecordStore, 'session'>;
  readonly sites: SiteSessions;
  readonly failures: { isBlocked(address: string): Promise<number>; record(address: string): Promise<void> };
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly addressOf: (request: IncomingMessage) => string;
  /** Counts one request of the address (protocol 8.1). */
  readonly takeAddress: (address: string) => { readonly allowed: boolean; readonly retryAfterMs: number };
  readonly onError: (error: unknown, work: string) => void;
}

/** What was found out about a request that may be upgraded. */
type Admitted =
  | { readonly kind: 'door'; readonly doorId: string; readonly sessionHash: string; readonly sessionUntil: number }
  | { readonly kind: 'client'; readonly identity: SiteIdentity };

export const DOOR_SOCKET_PATH = '/v1/devices/socket';
export const CLIENT_SOCKET_PATH = '/v1/socket';
const FRAGMENTS_MAX = 16;

export class Upgrades {
  readonly #deps: UpgradeDependencies;
  readonly #doorServer = socketServer(LIMITS.doorFrameBytes, DOOR_SUBPROTOCOL);
  readonly #clientServer = socketServer(LIMITS.clientFrameBytes, CLIENT_SUBPROTOCOL);
  #accepting = true;

  constructor(dependencies: UpgradeDependencies) {
    this.#deps = dependencies;
  }

  /** For `server.on('upgrade')`. */
  readonly handler = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Until ws takes over, a reset connection must not end the process.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    void this.#handle(request, socket, head).finally(() => socket.off('error', ignore));
  };

  /** From now on upgrades are answered 503. */
  stopAccepting(): void {
    this.#accepting = false;
  }

  async #handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const context: RequestContext = {
      requestId: this.#deps.random.bytes(12).toString('base64url'),
      address: this.#deps.addressOf(request),
      origin: request.headers.origin,
    };
    try {
      const admitted = await this.#admit(request, context);
      if (socket.destroyed) return;
      if (admitted.kind === 'door') this.#acceptDoor(request, socket, head, admitted, context);
      else this.#acceptClient(request, socket, head, admitted, context);
    } catch (error) {
      this.#refuse(socket, context, error);
    }
  }

  async #admit(request: IncomingMessage, context: RequestContext): Promise<Admitted> {
    const path = (request.url ?? '').split('?')[0];
    const taken = this.#deps.takeAddress(context.address);
    if (!taken.allowed)
      throw new OpenLockError('rate_limited', 'Too many requests from this address.', {
        retryAfterMs: taken.retryAfterMs,
      });
    if (path !== DOOR_SOCKET_PATH && path !== CLIENT_SOCKET_PATH)
      throw new OpenLockError('not_found', 'There is no socket at this path.');
    if (request.method !== 'GET')
      throw new OpenLockError('method_not_allowed', 'A WebSocket upgrade is a GET request.', { allow: ['GET'] });
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.headers['sec-websocket-version'] !== '13') {
      throw new OpenLockError('upgrade_required', 'Upgrade to WebSocket, version 13 (RFC 6455).');
    }
    if (!this.#accepting)
      throw new OpenLockError('store_unavailable', 'The relay is stopping; reconnect.', { retryAfterMs: 1000 });
    return path === DOOR_SOCKET_PATH ? this.#admitDoor(request, context) : this.#admitClient(request, context);
  }

  async #admitDoor(request: IncomingMessage, context: RequestContext): Promise<Admitted> {
    if (context.origin !== undefined)
      throw new OpenLockError('forbidden_origin', 'Doors send no Origin; browsers have no business here.');
    const token = bearerOf(request);
    const doorId = request.headers['x-openlock-door'];
    const session =
      token !== undefined && typeof doorId === 'string' && DOOR_ID.test(doorId)
        ? await this.#deps.doors.session(doorId)
        : undefined;
    const sessionHash = createHash('sha256')
      .update(token ?? '')
      .digest('base64url');
    if (session?.hash === undefined || typeof doorId !== 'string' || !sameText(session.hash, sessionHash)) {
      await this.#refuseBlocked(context);
      await this.#failed('door_session', context);
      throw new OpenLockError('unauthenticated', 'The session token is not valid for this door; register again.');
    }
    if (session.until <= this.#deps.clock.now())
      throw new OpenLockError('token_expired', 'The door session has expired; register again.');
    if (session.disabled) throw new OpenLockError('door_disabled', 'The door is disabled by its operator.');
    if (session.banned) throw new OpenLockError('key_banned', 'The key of this door is banned.');
    return { kind: 'door', doorId, sessionHash, sessionUntil: session.until };
  }

  async #admitClient(request: IncomingMessage, context: RequestContext): Promise<Admitted> {
    await this.#refuseBlocked(context);
    const token = bearerOf(request) ?? bearerOfSubprotocols(request);
    if (token === undefined) {
      throw new OpenLockError(
        'unauthenticated',
        'Send the access token in `Authorization`, or as the subprotocol `openlock.bearer.<accessToken>`.',
      );
    }
    let identity: SiteIdentity;
    try {
      identity = this.#deps.sites.authenticate(token);
    } catch (error) {
      if (error instanceof OpenLockError && error.code === 'unauthenticated')
        await this.#failed('access_token', context);
      throw error;
    }
    if (context.origin !== undefined && context.origin !== identity.origin) {
      throw new OpenLockError(
        'forbidden_origin',
        'The token is of another origin than the page that opens this socket.',
      );
    }
    await this.#deps.sites.admit(identity);
    return { kind: 'client', identity };
  }

  #acceptDoor(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    admitted: Extract<Admitted, { kind: 'door' }>,
    context: RequestContext,
  ): void {
    this.#accept(this.#doorServer, request, socket, head, (live) => {
      const { doorId, sessionHash, sessionUntil } = admitted;
      const conn = this.#deps.random.bytes(12).toString('base64url');
      const session = { doorId, conn, sessionHash, sessionUntil, address: context.address };
      this.#deps.presence.adopt(new WebSocketDoorChannel(live, this.#deps.clock), session);
    });
  }

  #acceptClient(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    admitted: Extract<Admitted, { kind: 'client' }>,
    context: RequestContext,
  ): void {
    this.#accept(this.#clientServer, request, socket, head, (live) => {
      const { identity } = admitted;
      this.#deps.audit.refusal({
        kind: 'socket_opened',
        actor: identity.siteId,
        code: 'client',
        address: context.address,
      });
      this.#deps.clientHub.adopt(new ClientConnection(live, this.#deps.clock, this.#deps.clientHub, identity, context));
    });
  }

  #accept(
    server: WebSocketServer,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    adopt: (live: LiveSocket) => void,
  ): void {
    server.handleUpgrade(request, socket, head, (ws: WebSocket) => {
      const live = new LiveSocket(ws, socket, this.#deps.clock);
      // Protocol 5.6: a peer that asked for no subprotocol of ours learns it from the close code.
      if (ws.protocol === '') live.close('no_subprotocol');
      else adopt(live);
    });
  }

  async #refuseBlocked(context: RequestContext): Promise<void> {
    const blockedMs = await this.#deps.failures.isBlocked(context.address);
    if (blockedMs > 0)
      throw new OpenLockError('ip_blocked', 'Too many failed attempts from this address.', { retryAfterMs: blockedMs });
  }

  async #failed(kind: string, context: RequestContext): Promise<void> {
    this.#deps.metrics.authFailures.inc({ kind });
    await this.#deps.failures.record(context.address);
  }

  #refuse(socket: Duplex, context: RequestContext, error: unknown): void {
    const problem =
      error instanceof OpenLockError
        ? error
        : new OpenLockError('internal', 'Something went wrong on our side.', { cause: error });
    if (problem.code === 'internal') this.#deps.onError(error, 'upgrade');
    this.#deps.metrics.refusals.inc({ code: problem.code });
    const kind = AUTH_FAILURES.has(problem.code) ? 'auth_failed' : 'refused';
    this.#deps.audit.refusal({
      kind,
      actor: 'anonymous',
      code: problem.code,
      address: context.address,
      requestId: context.requestId,
    });
    if (!socket.writable) return void socket.destroy();
    const body = JSON.stringify(toProblemBody(problem, context.requestId));
    const { retryAfterMs, allow } = problem.extras;
    const headers = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${context.requestId}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      'Vary: Origin',
      'Connection: close',
      ...(problem.status === 401 ? ['WWW-Authenticate: Bearer'] : []),
      ...(problem.status === 426 ? ['Upgrade: websocket'] : []),
      ...(allow === undefined ? [] : [`Allow: ${allow.join(', ')}`]),
      ...(retryAfterMs === undefined ? [] : [`Retry-After: ${Math.max(1, Math.ceil(retryAfterMs / 1000))}`]),
    ];
    socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  }
}

const AUTH_FAILURES: ReadonlySet<ProblemCode> = new Set(['unauthenticated', 'token_expired', 'token_revoked']);

function socketServer(maxPayload: number, subprotocol: string): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    maxFragments: FRAGMENTS_MAX,
    clientTracking: false,
    // Only ours is ever selected: a bearer subprotocol must not be echoed (protocol 7.7).
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
}

function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer ([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(request.headers.authorization ?? '')?.[1];
}

function bearerOfSubprotocols(request: IncomingMessage): string | undefined {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim());
  return offered.find((text) => text.startsWith(CLIENT_BEARER_PREFIX))?.slice(CLIENT_BEARER_PREFIX.length);
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
