/**
 * The door to both sockets: everything is checked before an upgrade is accepted (protocol 4.6, 7.7). Flat guards, each
 * naming its refusal; a refusal is a plain HTTP answer with a problem body.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type WebSocket } from 'ws';

import type { Clock, Random } from '../../clock.js';
import { bearerOf } from '../../gate/bearer.js';
import type { Gate } from '../../gate/gate.js';
import type { Visit } from '../../gate/visit.js';
import { rawProblem } from '../../http/answering.js';
import { checkHost } from '../../http/host-header.js';
import { CLIENT_BEARER_PREFIX, CLIENT_SOCKET_PATH, CLIENT_SUBPROTOCOL } from '../../protocol/client-frames.js';
import { DOOR_SOCKET_PATH, DOOR_SUBPROTOCOL } from '../../protocol/door-frames.js';
import { LIMITS } from '../../protocol/limits.js';
import { OpenLockError } from '../../protocol/problem.js';
import type { Presence } from '../../doors/presence.js';
import { ClientConnection } from './client-connection.js';
import type { ClientHub } from './client-hub.js';
import { WebSocketDoorChannel } from './door-channel.js';
import { LiveSocket } from './live-socket.js';

export interface UpgradeDependencies {
  readonly gate: Gate;
  readonly presence: Pick<Presence, 'adopt'>;
  readonly clientHub: ClientHub;
  readonly clock: Clock;
  readonly random: Random;
}

const FRAGMENTS_MAX = 16;

export class Upgrades {
  readonly #deps: UpgradeDependencies;
  readonly #doorServer = socketServer(LIMITS.doorFrameBytes, DOOR_SUBPROTOCOL);
  readonly #clientServer = socketServer(LIMITS.clientFrameBytes, CLIENT_SUBPROTOCOL);
  #accepting = true;

  constructor(dependencies: UpgradeDependencies) {
    this.#deps = dependencies;
    for (const server of [this.#doorServer, this.#clientServer])
      server.on('wsClientError', (error: Error, socket: Duplex, request: IncomingMessage) => {
        const problem = new OpenLockError('invalid_request', `Not a WebSocket handshake: ${error.message}.`);
        void this.#refuse(this.#open(request), socket, problem);
      });
  }

  /** For `Listener.onUpgrade`. */
  readonly handler = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    void this.#handle(request, socket, head);
  };

  /** From now on upgrades are answered 503. */
  stopAccepting(): void {
    this.#accepting = false;
  }

  async #handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const visit = this.#open(request);
    try {
      this.#deps.gate.take(visit);
      this.#check(request);
      if (pathOf(request) === DOOR_SOCKET_PATH) await this.#door(visit, request, socket, head);
      else await this.#client(visit, request, socket, head);
    } catch (error) {
      await this.#refuse(visit, socket, error);
    }
  }

  #open(request: IncomingMessage): Visit {
    const isDoor = pathOf(request) === DOOR_SOCKET_PATH;
    return this.#deps.gate.open(
      request,
      isDoor
        ? { work: 'door upgrade', proof: 'door_session', block: 'on_failure' }
        : { work: 'client upgrade', proof: 'access_token', block: 'before' },
    );
  }

  #check(request: IncomingMessage): void {
    checkHost(request);
    const path = pathOf(request);
    if (path !== DOOR_SOCKET_PATH && path !== CLIENT_SOCKET_PATH)
      throw new OpenLockError('not_found', 'There is no socket at this path.');
    if (request.method !== 'GET')
      throw new OpenLockError('method_not_allowed', 'A WebSocket upgrade is a GET request.', { allow: ['GET'] });
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.headers['sec-websocket-version'] !== '13') {
      throw new OpenLockError('upgrade_required', 'Upgrade to WebSocket, version 13 (RFC 6455).');
    }
    if (!this.#accepting)
      throw new OpenLockError('store_unavailable', 'The relay is stopping; reconnect.', { retryAfterMs: 1000 });
  }

  async #door(visit: Visit, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const token = bearerOf(request.headers.authorization);
    const door = await this.#deps.gate.identifyDoor(visit, request.headers['x-openlock-door'], token);
    this.#accept(this.#doorServer, request, socket, head, (live) => {
      const { doorId, sessionHash, expiresAt: sessionUntil } = door;
      const conn = this.#deps.random.bytes(12).toString('base64url');
      const session = { doorId, conn, sessionHash, sessionUntil, address: visit.context.address };
      this.#deps.presence.adopt(new WebSocketDoorChannel(live, this.#deps.clock), session);
    });
  }

  async #client(visit: Visit, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { gate, clock, clientHub } = this.#deps;
    await gate.refuseBlocked(visit);
    if (socket.destroyed) return;
    const caller = gate.identify(visit, bearerOfClient(request));
    const freePlace = gate.takePlace(visit, caller);
    socket.once('close', freePlace);
    try {
      await gate.admit(visit, caller);
    } catch (error) {
      freePlace();
      throw error;
    }
    this.#accept(this.#clientServer, request, socket, head, (live) => {
      const { context } = visit;
      clientHub.adopt(new ClientConnection({ socket: live, clock, gate, handler: clientHub, caller, context }));
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

  async #refuse(visit: Visit, socket: Duplex, thrown: unknown): Promise<void> {
    const problem = await this.#deps.gate.refuse(visit, thrown);
    if (!socket.writable) return void socket.destroy();
    socket.end(rawProblem(problem, visit.context.requestId), () => socket.destroy());
  }
}

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

function pathOf({ url = '' }: IncomingMessage): string | undefined {
  return url.split('?')[0];
}

/** From a browser, which cannot set headers here, the token comes as a subprotocol (protocol 7.7). */
function bearerOfClient({ headers }: IncomingMessage): string | undefined {
  const token = bearerOf(headers.authorization);
  if (token !== undefined && token !== '') return token;
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim());
  return offered.find((text) => text.startsWith(CLIENT_BEARER_PREFIX))?.slice(CLIENT_BEARER_PREFIX.length) ?? token;
}
