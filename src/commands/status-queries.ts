/** Asking a door a question, wherever its socket is: its state (protocol 7.5), a challenge (19.4). Nothing of this is stored. */
import type { Clock, Random } from '../clock.js';
import type { RelayLease } from '../doors/relay-lease.js';
import type { DoorChallengeAnswer, DoorStatusAnswer } from '../protocol/api.js';
import { doorStateSchema } from '../protocol/door-state.js';
import { LIMITS } from '../protocol/limits.js';
import { OpenLockError } from '../protocol/problem.js';
import type { DoorPresence, DoorStore } from '../store/door-store.js';
import type { NodeMail } from '../store/node-mail.js';
import type { DoorLinks } from './door-links.js';
import type { DoorAnswer, QuestionKind } from './node-messages.js';

export interface StatusQueriesDependencies {
  readonly doors: DoorStore;
  readonly links: DoorLinks;
  readonly lease: RelayLease;
  readonly mail: NodeMail;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
}

type AnswerTo<Kind extends QuestionKind> = Extract<DoorAnswer, { kind: Kind }>;

/** Where the answer goes: to a waiting caller here, or to the relay that asked. */
interface Asker {
  readonly kind: QuestionKind;
  readonly tell: (answer: DoorAnswer) => Promise<void> | void;
}

const FOREIGN_MAX = 10_000;

export class StatusQueries {
  readonly #deps: StatusQueriesDependencies;
  readonly #askers = new Map<string, Asker>();
  /** One question for the state of a door at a time; everybody who asks meanwhile shares its answer. */
  readonly #running = new Map<string, Promise<DoorStatusAnswer>>();

  constructor(dependencies: StatusQueriesDependencies) {
    this.#deps = dependencies;
  }

  ask(doorId: string): Promise<DoorStatusAnswer> {
    const running = this.#running.get(doorId);
    if (running !== undefined) return running;
    const asked = this.#askStatus(doorId).finally(() => this.#running.delete(doorId));
    this.#running.set(doorId, asked);
    return asked;
  }

  /** A challenge of the asker's own: the door burns it with the first command. Throws `door_offline`, `door_timeout`. */
  async askChallenge(doorId: string): Promise<DoorChallengeAnswer> {
    const { node } = await this.#deps.doors.presence(doorId);
    if (node === undefined || !this.#deps.lease.isLive(node))
      throw new OpenLockError('door_offline', 'The door is not connected.', { retryAfterMs: 2000 });
    const answer = await this.#question('challenge', doorId, node);
    if (answer === undefined)
      throw new OpenLockError('door_timeout', 'The door gave no challenge in time; its firmware may know none.');
    return { challenge: answer.challenge, expiresInSeconds: LIMITS.doorChallengeSeconds };
  }

  /** True while an answer with this id is waited for, here or on the relay that asked. */
  awaits(id: string): boolean {
    return this.#askers.has(id);
  }

  async #askStatus(doorId: string): Promise<DoorStatusAnswer> {
    const presence = await this.#deps.doors.presence(doorId);
    const online = this.#deps.lease.isLive(presence.node);
    if (!online || presence.node === undefined) return lastKnown(presence, false);
    const answer = await this.#question('status', doorId, presence.node);
    return answer === undefined
      ? lastKnown(presence, true)
      : { online: true, live: true, state: answer.state, at: answer.at };
  }

  async #question<Kind extends QuestionKind>(
    kind: Kind,
    doorId: string,
    node: string,
  ): Promise<AnswerTo<Kind> | undefined> {
    const id = this.#deps.random.bytes(12).toString('base64url');
    const answered = new Promise<AnswerTo<Kind> | undefined>((resolve) => {
      const giveUp = this.#deps.clock.after(LIMITS.statusWaitMs, () => resolve(undefined));
      const tell = (answer: DoorAnswer): void => {
        giveUp();
        resolve(answer as AnswerTo<Kind>); // onAnswer has compared the kinds
      };
      this.#askers.set(id, { kind, tell });
    }).finally(() => this.#askers.delete(id));
    const link = this.#deps.links.find(doorId);
    if (link !== undefined) link.send({ t: kind, id });
    else await this.#deps.mail.toNode(node, { t: 'ask', kind, door: doorId, id, from: this.#deps.nodeId });
    return answered;
  }

  /** Another relay asks a door whose socket is here. */
  onForeignQuestion(kind: QuestionKind, doorId: string, id: string, from: string): void {
    const link = this.#deps.links.find(doorId);
    if (link === undefined || this.#askers.size >= FOREIGN_MAX) return;
    const tell = (answer: DoorAnswer): Promise<void> => this.#deps.mail.toNode(from, { t: 'answered', id, answer });
    this.#askers.set(id, { kind, tell });
    this.#deps.clock.after(LIMITS.statusWaitMs, () => this.#askers.delete(id));
    link.send({ t: kind, id });
  }

  /** A door's (or another relay's) answer. An answer to another kind of question than was asked is none. */
  async onAnswer(id: string, answer: DoorAnswer): Promise<void> {
    const asker = this.#askers.get(id);
    if (asker?.kind !== answer.kind) return;
    this.#askers.delete(id);
    await asker.tell(answer);
  }
}

function lastKnown(presence: DoorPresence, online: boolean): DoorStatusAnswer {
  const state = presence.state === undefined ? undefined : doorStateSchema.safeParse(JSON.parse(presence.state));
  return { online, live: false, state: state?.success === true ? state.data : null, at: presence.stateAt ?? null };
}
