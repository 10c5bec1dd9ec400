/** Asking a door for its state, wherever its socket is (protocol 7.5). Nothing of this is stored but the answer. */
import type { Clock, Random } from '../clock.js';
import type { RelayLease } from '../doors/relay-lease.js';
import type { DoorStatusAnswer } from '../protocol/api.js';
import { doorStateSchema, type DoorState } from '../protocol/door-state.js';
import { LIMITS } from '../protocol/limits.js';
import type { DoorPresence, DoorStore } from '../store/door-store.js';
import type { NodeMail } from '../store/node-mail.js';
import type { DoorLinks } from './door-links.js';

export interface StatusQueriesDependencies {
  readonly doors: DoorStore;
  readonly links: DoorLinks;
  readonly lease: RelayLease;
  readonly mail: NodeMail;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
}

interface Answer {
  readonly state: DoorState;
  readonly at: number;
}

/** Where the answer to a question goes: to a waiting caller here, or to the relay that asked. */
type Asker =
  { readonly node: string; readonly id: string; readonly until: number } | ((answer: Answer | undefined) => void);

const FOREIGN_MAX = 10_000;

export class StatusQueries {
  readonly #deps: StatusQueriesDependencies;
  readonly #askers = new Map<string, Asker>();
  /** One question per door at a time; everybody who asks meanwhile shares its answer. */
  readonly #running = new Map<string, Promise<DoorStatusAnswer>>();

  constructor(dependencies: StatusQueriesDependencies) {
    this.#deps = dependencies;
  }

  ask(doorId: string): Promise<DoorStatusAnswer> {
    const running = this.#running.get(doorId);
    if (running !== undefined) return running;
    const asked = this.#ask(doorId).finally(() => this.#running.delete(doorId));
    this.#running.set(doorId, asked);
    return asked;
  }

  async #ask(doorId: string): Promise<DoorStatusAnswer> {
    const presence = await this.#deps.doors.presence(doorId);
    const online = this.#deps.lease.isLive(presence.node);
    if (!online || presence.node === undefined) return lastKnown(presence, false);
    const id = this.#deps.random.bytes(12).toString('base64url');
    const answer = await this.#question(doorId, id, presence.node);
    return answer === undefined
      ? lastKnown(presence, true)
      : { online: true, live: true, state: answer.state, at: answer.at };
  }

  async #question(doorId: string, id: string, node: string): Promise<Answer | undefined> {
    const answered = new Promise<Answer | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), LIMITS.statusWaitMs);
      this.#askers.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    }).finally(() => this.#askers.delete(id));
    const link = this.#deps.links.find(doorId);
    if (link !== undefined) link.send({ t: 'status', id });
    else await this.#deps.mail.toNode(node, { t: 'ask', door: doorId, id, from: this.#deps.nodeId });
    return answered;
  }

  /** Another relay asks for a door whose socket is here. */
  onForeignQuestion(doorId: string, id: string, from: string): void {
    const link = this.#deps.links.find(doorId);
    if (link === undefined) return;
    const now = this.#deps.clock.monotonic();
    if (this.#askers.size >= FOREIGN_MAX) return;
    this.#askers.set(id, { node: from, id, until: now + LIMITS.statusWaitMs });
    setTimeout(() => this.#askers.delete(id), LIMITS.statusWaitMs).unref();
    link.send({ t: 'status', id });
  }

  /** A door's (or another relay's) answer to a question. True when somebody had asked. */
  async onAnswer(id: string, state: DoorState, at: number): Promise<boolean> {
    const asker = this.#askers.get(id);
    if (asker === undefined) return false;
    this.#askers.delete(id);
    if (typeof asker === 'function') asker({ state, at });
    else await this.#deps.mail.toNode(asker.node, { t: 'answered', id: asker.id, state, at });
    return true;
  }
}

function lastKnown(presence: DoorPresence, online: boolean): DoorStatusAnswer {
  const state = presence.state === undefined ? undefined : doorStateSchema.safeParse(JSON.parse(presence.state));
  return { online, live: false, state: state?.success === true ? state.data : null, at: presence.stateAt ?? null };
}
