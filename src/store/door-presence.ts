import { doorItem, type ItemNeeds } from './door-items.js';
import type { FunctionArgument } from './function-library.js';
import type { GroupCommit } from './group-commit.js';
import { doorKeys, nodeKeys } from './keys.js';
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
  readonly #batch: GroupCommit;
  /** Doors that come to a relay in this turn, and the one command that puts them into its index. */
  #indexing: { readonly relay: string; readonly doorIds: string[]; readonly done: Promise<void> } | undefined;

  constructor(link: RedisLink, batch: GroupCommit) {
    this.#link = link;
    this.#batch = batch;
  }

  async presence(doorId: string): Promise<DoorPresence> {
    const keys = doorKeys(doorId);
    const [live, state] = await this.#link.run((client) =>
      Promise.all([client.hmget(keys.record, 'node', 'conn'), client.hmget(keys.state, 'lastSeen', 'state', 'at')]),
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
    const { doorId, relay, sessionHash, conn, doorEpoch, address, auditEntry } = fields;
    await this.#index(relay, doorId);
    const answer = await this.#run('attach', doorId, [sessionHash, conn, doorEpoch, address, auditEntry], {
      node: relay,
    });
    const [outcome, epoch, recorded, turns, replaced] = answer.split(' ');
    if (outcome !== 'ok') return { outcome: outcome as 'session' | 'disabled' | 'epoch' };
    return {
      outcome,
      epoch: Number(epoch),
      replacedConn: replaced === '' ? undefined : replaced,
      recordedEpoch: Number(recorded),
      sourcesTakeTurns: turns === '1',
    };
  }

  async reassert(doorId: string, relay: string, conn: string, epoch: number): Promise<'ok' | 'superseded' | 'missing'> {
    await this.#index(relay, doorId);
    return (await this.#run('reassert', doorId, [conn, epoch], { node: relay })) as 'ok' | 'superseded' | 'missing';
  }

  /** Takes presence away if this very connection (or, of a dead relay, this relay) still has it; true when it had. */
  async detach(doorId: string, from: 'conn' | 'node', value: string, auditEntry: string): Promise<boolean> {
    return (await this.#run('detach', doorId, [from, value, auditEntry], { ends: true })) === '1';
  }

  /** Doors that are (or were) on a relay, in pages: an index; a door's record is the truth. */
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
  async event(doorId: string, kind: string, frame: string, auditEntry: string): Promise<void> {
    await this.#run('event', doorId, [kind, frame, auditEntry]);
  }

  async saveState(doorId: string, state: string, at: number, frame: string): Promise<void> {
    await this.#run('state', doorId, [state, at, frame]);
  }

  async #run(name: string, doorId: string, words: readonly FunctionArgument[], how: ItemNeeds = {}): Promise<string> {
    return (await this.#batch.run(doorItem(name, doorId, words, how))) as string;
  }

  /** Before anything else: a door that is live on a relay but in no index would stay online when the relay dies. */
  #index(relay: string, doorId: string): Promise<void> {
    const doorIds = this.#indexing?.relay === relay ? this.#indexing.doorIds : [];
    doorIds.push(doorId);
    if (this.#indexing?.relay !== relay) {
      const turnEnded = new Promise<void>((resolve) => setImmediate(resolve));
      const done = turnEnded.then(async () => {
        if (this.#indexing?.doorIds === doorIds) this.#indexing = undefined;
        await this.#link.run((client) => client.sadd(nodeKeys(relay).doors, ...doorIds));
      });
      this.#indexing = { relay, doorIds, done };
    }
    return this.#indexing.done;
  }
}

const number = (text: string | null | undefined): number | undefined =>
  typeof text === 'string' ? Number(text) : undefined;
