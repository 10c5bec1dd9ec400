/** The doors whose sockets are on this relay: attach, supersession, presence (protocol 4.6, 5). */
import { LRUCache } from 'lru-cache';

import type { Clock } from '../../clock.js';
import type { Metrics } from '../../metrics.js';
import type { AuditTrail } from '../../audit/trail.js';
import type { DoorDispatcher } from '../../commands/door-dispatcher.js';
import type { DoorLink, DoorLinks } from '../../commands/door-links.js';
import type { StatusQueries } from '../../commands/status-queries.js';
import type { UpdateDelivery } from '../../updates/update-delivery.js';
import type { UpdateLink, UpdateLinks } from '../../updates/update-link.js';
import type { DoorFrame, EventFrame, HelloFrame } from '../../protocol/door-frames.js';
import { isEventKind, type DoorState } from '../../protocol/door-state.js';
import type { CloseName } from '../../protocol/close-codes.js';
import { OpenLockError } from '../../protocol/problem.js';
import type { DoorStore } from '../../store/door-store.js';
import type { NodeStore } from '../../store/node-store.js';
import type { DoorConnection, DoorConnectionHandler } from './door-connection.js';

/** Live sockets by door. A leaf of its own, because commands need it before the hub exists. */
export class DoorRegistry implements DoorLinks, UpdateLinks {
  readonly #byDoor = new Map<string, DoorConnection>();

  find(doorId: string): DoorLink | undefined {
    return this.#byDoor.get(doorId);
  }

  findLink(doorId: string): UpdateLink | undefined {
    return this.#byDoor.get(doorId);
  }

  get(doorId: string): DoorConnection | undefined {
    return this.#byDoor.get(doorId);
  }

  /** Makes `connection` the live one unless one with a higher epoch is; returns the loser, if any. */
  put(connection: DoorConnection): DoorConnection | undefined {
    const present = this.#byDoor.get(connection.doorId);
    if (present !== undefined && present.epoch > connection.epoch) return connection;
    this.#byDoor.set(connection.doorId, connection);
    return present;
  }

  /** Removes this very connection; false when another one is live. */
  remove(connection: DoorConnection): boolean {
    return this.#byDoor.get(connection.doorId) === connection && this.#byDoor.delete(connection.doorId);
  }

  all(): IterableIterator<DoorConnection> {
    return this.#byDoor.values();
  }

  get size(): number {
    return this.#byDoor.size;
  }
}

export interface DoorHubDependencies {
  readonly registry: DoorRegistry;
  readonly doors: DoorStore;
  readonly nodes: NodeStore;
  readonly dispatcher: DoorDispatcher;
  readonly statusQueries: StatusQueries;
  readonly updates: UpdateDelivery;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly onError: (error: unknown, work: string) => void;
}

const TICK_MS = 1000;
const DETACH_RETRY_MS = { first: 500, longest: 10_000 } as const;
const REMEMBERED_EVENTS = 20_000;

export class DoorHub implements DoorConnectionHandler {
  readonly #deps: DoorHubDependencies;
  /** Every socket, also those that have not said hello yet. */
  readonly #connections = new Set<DoorConnection>();
  /** `seq` counts within a boot, also across reconnects (protocol 5.4). */
  readonly #lastEvent = new LRUCache<string, { boot: string; seq: number }>({ max: REMEMBERED_EVENTS });
  #ticker: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(dependencies: DoorHubDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    this.#ticker = setInterval(() => {
      for (const connection of this.#connections) connection.checkTime();
    }, TICK_MS);
  }

  /** Sends every door away with 1001 and waits until presence is withdrawn, at most `waitMs`. */
  async stop(waitMs: number): Promise<void> {
    clearInterval(this.#ticker);
    this.#stopped = true;
    for (const connection of this.#connections) connection.close('going_away');
    const until = this.#deps.clock.monotonic() + waitMs;
    while (this.#connections.size > 0 && this.#deps.clock.monotonic() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const connection of this.#connections) connection.terminate();
  }

  adopt(connection: DoorConnection): void {
    this.#connections.add(connection);
    connection.start();
  }

  awaits(id: string): boolean {
    return this.#deps.dispatcher.awaits(id) || this.#deps.statusQueries.awaits(id);
  }

  expectsGets(connection: DoorConnection): boolean {
    return this.#deps.updates.expectsGets(connection);
  }

  onError(error: unknown, work: string): void {
    this.#deps.onError(error, work);
  }

  async attach(connection: DoorConnection, hello: HelloFrame): Promise<void> {
    const { doorId, conn, options } = connection;
    // The index first: a door that is live on a relay but in no index would stay online when the relay dies.
    await this.#deps.nodes.addDoor(this.#deps.nodeId, doorId);
    const result = await this.#deps.doors.attach({
      doorId,
      sessionHash: options.sessionHash,
      node: this.#deps.nodeId,
      conn,
      doorEpoch: hello.epoch,
      address: options.address,
      auditEntry: this.#deps.audit.entry({
        kind: 'socket_opened',
        actor: `door:${doorId}`,
        door: doorId,
        address: options.address,
      }),
    });
    if (result.outcome !== 'ok') return connection.close(result.outcome === 'session' ? 'session_ended' : 'disabled');
    if (hello.epoch < result.recordedEpoch) this.#deps.metrics.epochsBehind.inc();
    if (result.sourcesTakeTurns) this.#deps.metrics.sourceTurns.inc();
    if (result.replacedConn !== undefined) this.#deps.metrics.supersessions.inc();
    connection.epoch = result.epoch;
    const loser = this.#deps.registry.put(connection);
    loser?.close('superseded');
    if (loser === connection) return;
    connection.welcome(result.epoch);
    // The socket may have closed while the store answered: its close handler ran before there was anything to withdraw.
    if (!this.#connections.has(connection)) this.#withdraw(connection, 1006);
    this.#deps.metrics.connectedDoors.set(this.#deps.registry.size);
    // Frames wait for this: what a restarted door says of its update needs the update to be bound to this connection. A store that
    // is away costs the door nothing else: the update is looked for again every other second.
    await this.#deps.updates.onWelcome(connection).catch((error: unknown) => this.#deps.onError(error, 'update'));
  }

  async frame(connection: DoorConnection, frame: Exclude<DoorFrame, HelloFrame>): Promise<void> {
    switch (frame.t) {
      case 'result':
        return this.#deps.dispatcher.onResult(connection.doorId, frame);
      case 'status':
        return this.#onState(connection.doorId, frame.id, frame.state);
      case 'challenge': {
        const { id, challenge } = frame;
        if (challenge !== undefined) await this.#deps.statusQueries.onAnswer(id, { kind: 'challenge', challenge });
        return;
      }
      case 'event':
        return this.#onEvent(connection, frame);
      case 'update':
        return this.#deps.updates.onFrame(connection, frame);
      case 'keepalive':
        return;
    }
  }

  closed(connection: DoorConnection, code: number): void {
    this.#connections.delete(connection);
    this.#deps.updates.onClosed(connection);
    this.#withdraw(connection, code);
  }

  /** A newer socket is live on another relay (protocol 4.6). */
  onSuperseded(conn: string): void {
    for (const connection of this.#connections) {
      if (connection.conn === conn) connection.close('superseded');
    }
  }

  /** Closes a door's sockets here: its key, its enabling or its existence changed. */
  closeDoor(doorId: string, name: CloseName): void {
    for (const connection of this.#connections) {
      if (connection.doorId === doorId) connection.close(name);
    }
  }

  /** After a store outage longer than the lease, says again which doors are here. */
  async reassertAll(): Promise<void> {
    for (const connection of [...this.#deps.registry.all()]) {
      await this.#deps.nodes.addDoor(this.#deps.nodeId, connection.doorId);
      const outcome = await this.#deps.doors.reassert(
        connection.doorId,
        this.#deps.nodeId,
        connection.conn,
        connection.epoch,
      );
      if (outcome === 'superseded') connection.close('superseded');
      if (outcome === 'missing') connection.close('session_ended');
    }
  }

  /** Takes the doors of a dead relay offline. */
  async sweep(deadNodeId: string): Promise<void> {
    for await (const doors of this.#deps.nodes.doorsOf(deadNodeId)) {
      for (const doorId of doors) {
        const entry = this.#deps.audit.entry({
          kind: 'socket_closed',
          actor: 'relay',
          door: doorId,
          code: 'relay_lost',
        });
        await this.#deps.nodes.dropDoor(deadNodeId, doorId, entry);
      }
    }
    await this.#deps.nodes.leave(deadNodeId);
  }

  async #onState(doorId: string, id: string | undefined, state: DoorState): Promise<void> {
    const at = this.#deps.clock.now();
    if (id !== undefined) await this.#deps.statusQueries.onAnswer(id, { kind: 'status', state, at });
    const frame = { t: 'status', online: true, live: true, state, at };
    await this.#deps.doors.saveState(doorId, JSON.stringify(state), at, JSON.stringify(frame));
  }

  async #onEvent(connection: DoorConnection, event: EventFrame): Promise<void> {
    const { doorId, boot } = connection;
    const last = this.#lastEvent.get(doorId);
    if (last?.boot === boot && event.seq > last.seq + 1) this.#deps.metrics.sequenceGaps.inc(event.seq - last.seq - 1);
    this.#lastEvent.set(doorId, { boot, seq: event.seq });
    if (!isEventKind(event.kind)) return;
    const frame = { t: 'event', kind: event.kind, at: event.at, ...(event.data !== undefined && { data: event.data }) };
    const entry = this.#deps.audit.entry({
      kind: 'door_event',
      actor: `door:${doorId}`,
      door: doorId,
      code: event.kind,
    });
    await this.#deps.doors.event(doorId, JSON.stringify(frame), entry);
  }

  #withdraw(connection: DoorConnection, code: number): void {
    const wasLive = this.#deps.registry.remove(connection);
    this.#deps.metrics.connectedDoors.set(this.#deps.registry.size);
    if (connection.epoch > 0) void this.#detach(connection, code, wasLive);
  }

  async #detach(connection: DoorConnection, code: number, wasLive: boolean): Promise<void> {
    const { doorId, conn } = connection;
    const entry = this.#deps.audit.entry({
      kind: 'socket_closed',
      actor: `door:${doorId}`,
      door: doorId,
      code: String(code),
    });
    for (let waitMs: number = DETACH_RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, DETACH_RETRY_MS.longest)) {
      try {
        await this.#deps.doors.detach(doorId, conn, entry);
        if (wasLive && this.#deps.registry.get(doorId) === undefined)
          await this.#deps.nodes.removeDoor(this.#deps.nodeId, doorId);
        return;
      } catch (error) {
        // Until it succeeds the door looks online here; commands for it then end at their deadline, never twice.
        this.#deps.onError(error, 'detach');
        if (!(error instanceof OpenLockError) || this.#stopped) return;
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      }
    }
  }
}
