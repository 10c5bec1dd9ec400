import { channels, doorKeys, nodeKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** Where a door is connected, and what it last said. */
export interface DoorPresence {
  /** Relay that has the socket, by the record; the relay itself may be dead. */
  readonly relay: string | undefined;
  readonly conn: string | undefined;
  readonly lastSeen: number | undefined;
  readonly state: string | undefined;
  readonly stateAt: number | undefined;
}

export type AttachResult =
  | {
      readonly outcome: 'ok';
      readonly epoch: number;
      readonly replacedConn: string | undefined;
      readonly recordedEpoch: number;
      readonly sourcesTakeTurns: boolean;
    }
  /** `epoch`: the door claims one too far above the record (protocol 5.1). */
  | { readonly outcome: 'session' | 'disabled' | 'epoch' };

export interface AttachFields {
  readonly doorId: string;
  readonly sessionHash: string;
  readonly relay: string;
  readonly conn: string;
  readonly doorEpoch: number;
  readonly address: string;
  readonly auditEntry: string;
}

/** Where a door is connected, and what it says (protocol 5). */
export class DoorPresenceStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async presence(doorId: string): Promise<DoorPresence> {
    const keys = doorKeys(doorId);
    const [live, state] = await this.#link.run((client) =>
      Promise.all([client.hmget(keys.live, 'node', 'conn'), client.hmget(keys.state, 'lastSeen', 'state', 'at')]),
    );
    return {
      relay: live[0] ?? undefined,
      conn: live[1] ?? undefined,
      lastSeen: number(state[0]),
      state: state[1] ?? undefined,
      stateAt: number(state[2]),
    };
  }

  async attach(fields: AttachFields): Promise<AttachResult> {
    const keys = doorKeys(fields.doorId);
    await this.#index(fields.relay, fields.doorId);
    const [outcome, epoch, , conn, recorded, turns] = (await this.#link.call(
      'door_attach',
      [keys.record, keys.live, keys.state, keys.auditTraffic],
      [
        fields.sessionHash,
        fields.relay,
        fields.conn,
        fields.doorEpoch,
        fields.address,
        channels.door(fields.doorId),
        channels.node(''),
        fields.auditEntry,
      ],
    )) as ['ok' | 'session' | 'disabled' | 'epoch', string, string, string, string, number];
    if (outcome !== 'ok') return { outcome };
    return {
      outcome,
      epoch: Number(epoch),
      replacedConn: conn === '' ? undefined : conn,
      recordedEpoch: Number(recorded),
      sourcesTakeTurns: turns === 1,
    };
  }

  async reassert(doorId: string, relay: string, conn: string, epoch: number): Promise<'ok' | 'superseded' | 'missing'> {
    const keys = doorKeys(doorId);
    await this.#index(relay, doorId);
    const args = [relay, conn, epoch, channels.door(doorId)];
    return (await this.#link.call('door_reassert', [keys.record, keys.live], args)) as 'ok' | 'superseded' | 'missing';
  }

  /** Takes presence away if this very connection (or, of a dead relay, this relay) still has it; true when it had. */
  async detach(doorId: string, from: 'conn' | 'node', value: string, auditEntry: string): Promise<boolean> {
    const keys = doorKeys(doorId);
    const args = [from, value, channels.door(doorId), auditEntry];
    return (await this.#link.call('door_detach', [keys.live, keys.state, keys.auditTraffic], args)) === 1;
  }

  /** Doors that are (or were) on a relay, in pages: an index; a door's `live` hash is the truth. */
  async *doorsOn(relay: string): AsyncGenerator<readonly string[]> {
    let cursor = '0';
    do {
      const [next, doors] = await this.#link.run((client) => client.sscan(nodeKeys(relay).doors, cursor, 'COUNT', 200));
      yield doors;
      cursor = next;
    } while (cursor !== '0');
  }

  async forget(relay: string, doorId: string): Promise<void> {
    await this.#link.run((client) => client.srem(nodeKeys(relay).doors, doorId));
  }

  /** Records an event and tells subscribers; `frame` is the client frame without `door`. */
  async event(doorId: string, frame: string, auditEntry: string): Promise<void> {
    const { auditTraffic, auditFold } = doorKeys(doorId);
    await this.#link.call('door_event', [auditTraffic, auditFold], [doorId, channels.door(doorId), frame, auditEntry]);
  }

  async saveState(doorId: string, state: string, at: number, frame: string): Promise<void> {
    await this.#link.call('door_state', [doorKeys(doorId).state], [state, at, channels.door(doorId), frame]);
  }

  /** Before anything else: a door that is live on a relay but in no index would stay online when the relay dies. */
  async #index(relay: string, doorId: string): Promise<void> {
    await this.#link.run((client) => client.sadd(nodeKeys(relay).doors, doorId));
  }
}

const number = (text: string | null | undefined): number | undefined =>
  typeof text === 'string' ? Number(text) : undefined;
