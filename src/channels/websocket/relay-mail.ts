/** Messages from other relays, handed to whom they are for. Anything that is not ours is dropped and reported. */
import type { DoorDispatcher } from '../../commands/door-dispatcher.js';
import {
  fleetMessageSchema,
  nodeMessageSchema,
  type FleetMessage,
  type NodeMessage,
} from '../../commands/node-messages.js';
import type { StatusQueries } from '../../commands/status-queries.js';
import type { Waiters } from '../../commands/waiters.js';
import type { RelayLease } from '../../doors/relay-lease.js';
import type { CloseName } from '../../protocol/close-codes.js';
import type { DoorStore } from '../../store/door-store.js';
import type { NodeMail } from '../../store/node-mail.js';
import type { ClientHub } from './client-hub.js';
import type { DoorHub } from './door-hub.js';

export interface RelayMailDependencies {
  readonly mail: NodeMail;
  readonly doors: DoorStore;
  readonly dispatcher: DoorDispatcher;
  readonly statusQueries: StatusQueries;
  readonly waiters: Waiters;
  readonly lease: RelayLease;
  readonly doorHub: DoorHub;
  readonly clientHub: ClientHub;
  /** Releases or rollouts changed. */
  readonly onRolloutsChanged: () => void;
  readonly nodeId: string;
  readonly onError: (error: unknown, work: string) => void;
}

/** What a change of a door means for its socket (protocol 5.6). */
const CLOSE_FOR: Partial<Record<string, CloseName>> = {
  disabled: 'disabled',
  banned: 'disabled',
  removed: 'disabled',
  reset: 'session_ended',
};

export class RelayMail {
  readonly #deps: RelayMailDependencies;
  #unsubscribe: (() => Promise<void>)[] = [];

  constructor(dependencies: RelayMailDependencies) {
    this.#deps = dependencies;
  }

  /** Subscribes, and tells the other relays that this one is there: until they know, they would call its doors offline. */
  async start(): Promise<void> {
    const { mail, nodeId } = this.#deps;
    this.#unsubscribe = [
      await mail.onNodeMessage(nodeId, (message) =>
        this.#receive(message, 'node message', (json) => this.#onNode(nodeMessageSchema.parse(json))),
      ),
      await mail.onFleetMessage((message) =>
        this.#receive(message, 'fleet message', (json) => this.#onFleet(fleetMessageSchema.parse(json))),
      ),
    ];
    await this.#deps.doors.tellFleet({ t: 'node_joined', node: nodeId });
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) await unsubscribe();
  }

  #receive(message: string, work: string, handle: (json: unknown) => Promise<void> | void): void {
    void (async () => {
      try {
        await handle(JSON.parse(message));
      } catch (error) {
        this.#deps.onError(error, work);
      }
    })();
  }

  async #onNode(message: NodeMessage): Promise<void> {
    switch (message.t) {
      case 'claim':
        return this.#deps.dispatcher.onHint(message.door, message.id);
      case 'settled':
        return this.#deps.waiters.settle(message.id, message);
      case 'ask':
        return this.#deps.statusQueries.onForeignQuestion(message.kind, message.door, message.id, message.from);
      case 'answered':
        return this.#deps.statusQueries.onAnswer(message.id, message.answer);
      case 'superseded':
        return this.#deps.doorHub.onSuperseded(message.conn);
    }
  }

  #onFleet(message: FleetMessage): void {
    switch (message.t) {
      case 'session_revoked':
        return this.#deps.clientHub.onSessionRevoked(message.sessionId);
      case 'site_blocked':
        return this.#deps.clientHub.onSiteBlocked(message.siteId);
      case 'door_changed': {
        const name = CLOSE_FOR[message.change];
        if (name !== undefined) this.#deps.doorHub.closeDoor(message.door, name);
        return;
      }
      case 'node_joined':
        if (message.node !== this.#deps.nodeId) this.#deps.lease.beatSoon();
        return;
      case 'rollouts_changed':
        return this.#deps.onRolloutsChanged();
      case 'site_unblocked':
      case 'grants_changed': // grants are read at each use; nothing is remembered here
        return;
    }
  }
}
