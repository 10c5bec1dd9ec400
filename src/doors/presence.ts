/** The doors whose connections are on this relay, whatever carries them: attach, supersession, presence (protocol 4.6, 5). */
import { z } from 'zod';

import { eventually, type Cancel, type Clock } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { AuditTrail } from '../audit/trail.js';
import type { HelloFrame } from '../protocol/door-frames.js';
import type { CloseReason } from '../protocol/close-codes.js';
import type { RelayBus } from '../relays/bus.js';
import type { LeaseWatcher } from '../relays/lease.js';
import type { DoorPresenceStore } from '../store/door-presence.js';
import { persist } from '../store/persist.js';
import type { DoorChannel, DoorLink } from './door-link.js';
import { LiveDoor, type DoorSession, type LiveDoorHandler, type LiveDoors } from './live-door.js';

export interface PresenceDependencies {
  readonly doors: LiveDoors;
  readonly store: Pick<DoorPresenceStore, 'attach' | 'reassert' | 'detach' | 'doorsOn' | 'forget'>;
  readonly reports: LiveDoorHandler['reports'];
  /** What goes on with a door that is welcomed, and ends with its connection (`src/updates`). */
  readonly updates: { onWelcome(link: DoorLink): Promise<void>; onClosed(link: DoorLink): void };
  readonly bus: Pick<RelayBus, 'on'>;
  readonly audit: Pick<AuditTrail, 'entry' | 'refusal'>;
  readonly metrics: Pick<Metrics, 'connectedDoors' | 'epochsBehind' | 'epochJumps' | 'sourceTurns' | 'supersessions'>;
  readonly clock: Clock;
  readonly relayId: string;
  readonly onError: (error: unknown, work: string) => void;
}

const TICK_MS = 1000;
/** Doors said again together: so many go in a few calls of the store, and leave room for what else is asked of it. */
const DOORS_AT_ONCE = 256;
const DETACH_RETRY_MS = { first: 500, longest: 10_000 } as const;

/** What an operator's act did to a door, as every relay is told at once (protocol 3.4). */
const DOOR_CHANGES = ['disabled', 'enabled', 'reset', 'removed', 'banned'] as const;
export type DoorChange = (typeof DOOR_CHANGES)[number];

/** What a change of a door means for its connection (protocol 5.6). */
const CLOSE_FOR: Partial<Record<DoorChange, CloseReason>> = {
  disabled: 'disabled',
  banned: 'disabled',
  removed: 'disabled',
  reset: 'session_ended',
};

export class Presence implements LeaseWatcher {
  readonly #deps: PresenceDependencies;
  /** Every connection, also those that have not said hello yet. */
  readonly #connections = new Set<LiveDoor>();
  readonly #stopping = new AbortController();
  #withdrawing = 0;
  #cancel: Cancel = () => undefined;

  constructor(dependencies: PresenceDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { bus, clock } = this.#deps;
    // A newer connection of the door is live on another relay (protocol 4.6).
    bus.on('superseded', z.object({ conn: z.string() }), ({ conn }) =>
      this.#close((door) => door.conn === conn, 'superseded'),
    );
    bus.on('door_changed', z.object({ door: z.string(), change: z.enum(DOOR_CHANGES) }), ({ door, change }) => {
      const reason = CLOSE_FOR[change];
      if (reason !== undefined) this.#close(({ doorId }) => doorId === door, reason);
    });
    this.#cancel = clock.every(TICK_MS, () => this.#connections.forEach((door) => door.checkTime()));
  }

  /** Sends every door away and waits until presence is withdrawn, at most `waitMs`. */
  async stop(waitMs: number): Promise<void> {
    this.#cancel();
    this.#stopping.abort();
    this.#close(() => true, 'going_away');
    await eventually(this.#deps.clock, waitMs, () => this.#connections.size + this.#withdrawing === 0);
    for (const door of this.#connections) door.terminate();
  }

  /** Takes a connection that a channel accepted for a door with a session. */
  adopt(channel: DoorChannel, session: DoorSession): void {
    const { clock, onError, reports } = this.#deps;
    const attach: LiveDoorHandler['attach'] = (it, hello) => this.#attach(it, hello);
    const door = new LiveDoor(channel, clock, { attach, closed: (it) => this.#closed(it), onError, reports }, session);
    this.#connections.add(door);
    door.start();
  }

  async #attach(door: LiveDoor, hello: HelloFrame): Promise<void> {
    const { doors, store, audit, metrics, updates, relayId, onError } = this.#deps;
    const { doorId, conn, session } = door;
    const { sessionHash, address } = session;
    const result = await store.attach({
      doorId,
      sessionHash,
      relay: relayId,
      conn,
      doorEpoch: hello.epoch,
      address,
      auditEntry: audit.entry({ kind: 'socket_opened', actor: `door:${doorId}`, door: doorId, address }),
    });
    if (result.outcome === 'epoch') return this.#refuseEpoch(door);
    if (result.outcome !== 'ok') return door.close(result.outcome === 'session' ? 'session_ended' : 'disabled');
    if (hello.epoch < result.recordedEpoch) metrics.epochsBehind.inc();
    if (result.sourcesTakeTurns) metrics.sourceTurns.inc();
    if (result.replacedConn !== undefined) metrics.supersessions.inc();
    door.epoch = result.epoch;
    const loser = doors.put(door);
    loser?.close('superseded');
    if (loser === door) return;
    door.welcome();
    // It may have closed while the store answered: its close handler ran before there was anything to withdraw.
    if (!this.#connections.has(door)) this.#withdraw(door);
    metrics.connectedDoors.set(doors.size);
    // Frames wait for this: what a restarted door says of its update needs the update to be bound to this connection. A store that
    // is away costs the door nothing else: the update is looked for again every other second.
    await updates.onWelcome(door).catch((error: unknown) => onError(error, 'update'));
  }

  /** Protocol 5.1: taken as it is, such a number would use up all there are; a reset of the door clears the record. */
  #refuseEpoch(door: LiveDoor): void {
    const { doorId, session } = door;
    const { metrics, audit } = this.#deps;
    metrics.epochJumps.inc();
    const { address } = session;
    audit.refusal({ kind: 'refused', actor: `door:${doorId}`, door: doorId, code: 'epoch_jump', address });
    door.close('protocol_error');
  }

  #closed(door: LiveDoor): void {
    this.#connections.delete(door);
    this.#deps.updates.onClosed(door);
    this.#withdraw(door);
  }

  async reassertAll(): Promise<void> {
    const { doors, store, relayId } = this.#deps;
    const all = [...doors];
    for (let from = 0; from < all.length; from += DOORS_AT_ONCE)
      await Promise.all(
        all.slice(from, from + DOORS_AT_ONCE).map(async (door) => {
          const outcome = await store.reassert(door.doorId, relayId, door.conn, door.epoch);
          if (outcome === 'superseded') door.close('superseded');
          if (outcome === 'missing') door.close('session_ended');
        }),
      );
  }

  async sweep(deadRelayId: string): Promise<void> {
    const { store, audit } = this.#deps;
    for await (const doors of store.doorsOn(deadRelayId))
      await Promise.all(
        doors.map((door) => {
          const entry = audit.entry({ kind: 'socket_closed', actor: 'relay', door, code: 'relay_lost' });
          return store.detach(door, 'node', deadRelayId, entry);
        }),
      );
  }

  #close(which: (door: LiveDoor) => boolean, reason: CloseReason): void {
    for (const door of this.#connections) if (which(door)) door.close(reason);
  }

  #withdraw(door: LiveDoor): void {
    const { doors, metrics } = this.#deps;
    const wasLive = doors.remove(door);
    metrics.connectedDoors.set(doors.size);
    if (door.epoch > 0) void this.#detach(door, wasLive);
  }

  /** Until it succeeds the door looks online here; commands for it then end at their deadline, never twice. */
  async #detach({ doorId, conn, closedBy = '' }: LiveDoor, wasLive: boolean): Promise<void> {
    const { doors, store, audit, clock, relayId, onError } = this.#deps;
    const entry = audit.entry({ kind: 'socket_closed', actor: `door:${doorId}`, door: doorId, code: closedBy });
    const withdraw = async (): Promise<void> => {
      await store.detach(doorId, 'conn', conn, entry);
      if (wasLive && doors.find(doorId) === undefined) await store.forget(relayId, doorId);
    };
    this.#withdrawing += 1;
    await persist(withdraw, {
      clock,
      waitMs: (failures) => Math.min(DETACH_RETRY_MS.first * 2 ** (failures - 1), DETACH_RETRY_MS.longest),
      signal: this.#stopping.signal,
      onError: (error) => onError(error, 'detach'),
    });
    this.#withdrawing -= 1;
  }
}
