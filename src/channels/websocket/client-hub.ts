/** The client sockets on this relay: commands, questions, subscriptions, and what doors tell (protocol 7.7). */
import { z } from 'zod';

import { eventually, type Cancel, type Clock } from '../../clock.js';
import type { Gate } from '../../gate/gate.js';
import type { Visit } from '../../gate/visit.js';
import { actorOf, type Caller } from '../../principal.js';
import type { Metrics } from '../../metrics.js';
import type { AuditTrail } from '../../audit/trail.js';
import type { CommandService } from '../../commands/command-service.js';
import type { DoorAccess } from '../../doors/door-access.js';
import type { CloseReason } from '../../protocol/close-codes.js';
import type { ClientFrame } from '../../protocol/client-frames.js';
import { doorStateSchema, EVENT_KINDS, eventDataSchema } from '../../protocol/door-state.js';
import { OpenLockError } from '../../protocol/problem.js';
import type { RelayBus } from '../../relays/bus.js';
import type { RelayMail } from '../../store/relay-mail.js';
import type { ClientConnection, ClientConnectionHandler } from './client-connection.js';

const PING_MS = 20_000; // protocol 7.7

export interface ClientHubDependencies {
  readonly gate: Pick<Gate, 'admit' | 'check' | 'identify'>;
  readonly commands: Pick<CommandService, 'submit' | 'status'>;
  readonly access: Pick<DoorAccess, 'roleOf'>;
  readonly mail: Pick<RelayMail, 'onDoorEvents' | 'onResubscribed'>;
  readonly bus: Pick<RelayBus, 'on'>;
  readonly audit: Pick<AuditTrail, 'refusal'>;
  readonly metrics: Pick<Metrics, 'connectedClients'>;
  readonly clock: Clock;
  readonly onError: (error: unknown, work: string) => void;
}

/** What travels on a door's channel: the client's frame without `door`. */
const doorNewsSchema = z.discriminatedUnion('t', [
  z.object({ t: z.literal('event'), kind: z.enum(EVENT_KINDS), at: z.number(), data: eventDataSchema.optional() }),
  z.object({ t: z.literal('presence'), online: z.boolean(), at: z.number() }),
  z.object({
    t: z.literal('status'),
    online: z.boolean(),
    live: z.boolean(),
    state: doorStateSchema.nullable(),
    at: z.number().nullable(),
  }),
]);

const TICK_MS = 1000;
/** A revocation is told over pub/sub, which may lose it; sockets are checked against the store this often as well. */
const RECHECK_MS = 30_000;
const DOORS_PER_SOCKET = 5000;

interface Subscription {
  readonly connections: Set<ClientConnection>;
  unsubscribe: Promise<() => Promise<void>>;
}

export class ClientHub implements ClientConnectionHandler {
  readonly #deps: ClientHubDependencies;
  readonly #connections = new Set<ClientConnection>();
  readonly #subscriptions = new Map<string, Subscription>();
  #timers: readonly Cancel[] = [];

  constructor(dependencies: ClientHubDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { clock, mail, bus } = this.#deps;
    this.#timers = [
      clock.every(TICK_MS, () => this.#connections.forEach((connection) => connection.checkTime())),
      clock.every(PING_MS, () => this.#connections.forEach((connection) => connection.ping())),
      clock.every(RECHECK_MS, () => void this.recheckAll()),
    ];
    mail.onResubscribed(() => void this.recheckAll());
    bus.on('session_revoked', z.object({ sessionId: z.string() }), ({ sessionId }) =>
      this.#close(({ caller }) => caller.sessionId === sessionId, 'session_ended'),
    );
    bus.on('site_blocked', z.object({ siteId: z.string() }), ({ siteId }) =>
      this.#close(({ caller }) => actorOf(caller) === siteId, 'disabled'),
    );
  }

  async stop(waitMs: number): Promise<void> {
    for (const cancel of this.#timers) cancel();
    this.#close(() => true, 'going_away');
    await eventually(this.#deps.clock, waitMs, () => this.#connections.size === 0);
    for (const connection of this.#connections) connection.terminate();
  }

  adopt(connection: ClientConnection): void {
    this.#connections.add(connection);
    this.#deps.metrics.connectedClients.set(this.#connections.size);
    this.#tell('socket_opened', connection);
    connection.start();
  }

  handle(connection: ClientConnection, frame: ClientFrame, visit: Visit): Promise<void> {
    switch (frame.t) {
      case 'command':
        return this.#command(connection, frame, visit);
      case 'status':
        return this.#status(connection, frame, visit);
      case 'subscribe':
        return this.#subscribe(connection, frame, visit);
      case 'unsubscribe':
        for (const doorId of frame.doors) this.#forget(connection, doorId);
        connection.send({ t: 'ok', ref: frame.ref });
        return Promise.resolve();
      case 'token':
        return this.#token(connection, frame, visit);
    }
  }

  closed(connection: ClientConnection): void {
    this.#connections.delete(connection);
    for (const doorId of [...connection.doors]) this.#forget(connection, doorId);
    this.#deps.metrics.connectedClients.set(this.#connections.size);
    this.#tell('socket_closed', connection);
  }

  #tell(kind: 'socket_opened' | 'socket_closed', { caller, context }: ClientConnection): void {
    this.#deps.audit.refusal({ kind, actor: actorOf(caller), code: 'client', address: context.address });
  }

  /** Asks the store about every socket's session: pub/sub may have lost a revocation. */
  async recheckAll(): Promise<void> {
    for (const connection of [...this.#connections]) {
      try {
        await this.#deps.gate.check(connection.caller);
      } catch (error) {
        if (!(error instanceof OpenLockError)) this.#deps.onError(error, 'recheck');
        else if (error.code === 'store_unavailable')
          return; // asked again later; commands are refused meanwhile
        else connection.close(error.code === 'site_blocked' ? 'disabled' : 'session_ended');
      }
    }
  }

  #close(which: (connection: ClientConnection) => boolean, reason: CloseReason): void {
    for (const connection of this.#connections) if (which(connection)) connection.close(reason);
  }

  async #admit(visit: Visit, caller: Caller, door?: string): Promise<void> {
    await this.#deps.gate.admit(visit, caller);
    visit.door = door;
    visit.stage = 'work';
  }

  async #command(
    connection: ClientConnection,
    frame: Extract<ClientFrame, { t: 'command' }>,
    visit: Visit,
  ): Promise<void> {
    visit.givesWay = true;
    await this.#admit(visit, connection.caller, frame.door);
    const answer = await this.#deps.commands.submit(connection.caller, frame.door, frame.jwe, connection.context);
    connection.send({ t: 'result', ref: frame.ref, ...answer });
  }

  async #status(
    connection: ClientConnection,
    frame: Extract<ClientFrame, { t: 'status' }>,
    visit: Visit,
  ): Promise<void> {
    await this.#admit(visit, connection.caller, frame.door);
    const answer = await this.#deps.commands.status(connection.caller, frame.door);
    connection.send({ t: 'status', ref: frame.ref, door: frame.door, ...answer });
  }

  async #subscribe(
    connection: ClientConnection,
    frame: Extract<ClientFrame, { t: 'subscribe' }>,
    visit: Visit,
  ): Promise<void> {
    await this.#admit(visit, connection.caller);
    if (new Set([...connection.doors, ...frame.doors]).size > DOORS_PER_SOCKET) {
      throw new OpenLockError('invalid_request', `One socket may follow at most ${DOORS_PER_SOCKET} doors.`);
    }
    await Promise.all(frame.doors.map((doorId) => this.#deps.access.roleOf(connection.caller, doorId)));
    await Promise.all(frame.doors.map((doorId) => this.#follow(connection, doorId)));
    connection.send({ t: 'ok', ref: frame.ref });
  }

  async #token(connection: ClientConnection, frame: Extract<ClientFrame, { t: 'token' }>, visit: Visit): Promise<void> {
    const { gate } = this.#deps;
    const caller = gate.identify(visit, frame.accessToken);
    if (actorOf(caller) !== actorOf(connection.caller))
      throw new OpenLockError('unauthenticated', 'The token is of another site.');
    await gate.admit(visit, caller, 0);
    connection.caller = caller;
    connection.send({ t: 'ok', ref: frame.ref });
  }

  async #follow(connection: ClientConnection, doorId: string): Promise<void> {
    // A socket that closed while its grants were checked must leave nothing behind.
    if (!this.#connections.has(connection)) return;
    let subscription = this.#subscriptions.get(doorId);
    if (subscription === undefined) {
      const connections = new Set<ClientConnection>();
      // One after the other, so that a door's events reach a client in the order the door told them.
      let queue = Promise.resolve();
      const unsubscribe = this.#deps.mail.onDoorEvents(doorId, (message) => {
        queue = queue.then(() => this.#deliver(doorId, connections, message));
      });
      subscription = { connections, unsubscribe };
      this.#subscriptions.set(doorId, subscription);
    }
    subscription.connections.add(connection);
    connection.doors.add(doorId);
    try {
      await subscription.unsubscribe;
    } catch (error) {
      // The subscriber's connection is down: nobody is subscribed, so that the next try starts afresh.
      this.#subscriptions.delete(doorId);
      for (const other of subscription.connections) other.doors.delete(doorId);
      throw error;
    }
  }

  #forget(connection: ClientConnection, doorId: string): void {
    const subscription = this.#subscriptions.get(doorId);
    connection.doors.delete(doorId);
    if (subscription === undefined) return;
    subscription.connections.delete(connection);
    if (subscription.connections.size > 0) return;
    this.#subscriptions.delete(doorId);
    subscription.unsubscribe
      .then((unsubscribe) => unsubscribe())
      .catch((error: unknown) => this.#deps.onError(error, 'unsubscribe'));
  }

  /** Grants are checked at delivery (protocol 7.7): one that was taken away ends the subscription. */
  async #deliver(doorId: string, connections: ReadonlySet<ClientConnection>, message: string): Promise<void> {
    try {
      const news = doorNewsSchema.parse(JSON.parse(message));
      const byActor = new Map<string, [ClientConnection, ...ClientConnection[]]>();
      for (const connection of connections) {
        const actor = actorOf(connection.caller);
        byActor.set(actor, [connection, ...(byActor.get(actor) ?? [])]);
      }
      for (const mine of byActor.values()) {
        const allowed = await this.#maySee(mine[0].caller, doorId);
        for (const connection of mine) {
          if (allowed) connection.send({ ...news, door: doorId });
          else this.#forget(connection, doorId);
        }
      }
    } catch (error) {
      this.#deps.onError(error, 'deliver');
    }
  }

  async #maySee(caller: Caller, doorId: string): Promise<boolean> {
    try {
      await this.#deps.access.roleOf(caller, doorId);
      return true;
    } catch (error) {
      if (error instanceof OpenLockError && error.code === 'door_not_found') return false;
      throw error;
    }
  }
}
