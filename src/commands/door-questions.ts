/** Asking a door a question, wherever its connection is: its state (protocol 7.5), a challenge (19.4). Nothing of this is stored. */
import { z } from 'zod';

import type { Clock, Random } from '../clock.js';
import { doorAnswerSchema, type DoorAnswer } from '../doors/door-answer.js';
import type { DoorLinks } from '../doors/door-link.js';
import type { DoorChallengeAnswer, DoorStatusAnswer } from '../protocol/api.js';
import { doorStateSchema } from '../protocol/door-state.js';
import { LIMITS } from '../protocol/limits.js';
import { OpenLockError } from '../protocol/problem.js';
import type { RelayBus } from '../relays/bus.js';
import type { RelayLease } from '../relays/lease.js';
import type { DoorPresence, DoorPresenceStore } from '../store/door-presence.js';

/** A door that has not answered by then will not (protocol 7.5, 19.4). */
const ANSWER_WAIT_MS = 2_000;

export interface DoorQuestionsDependencies {
  readonly doors: Pick<DoorPresenceStore, 'presence'>;
  readonly links: DoorLinks;
  readonly lease: Pick<RelayLease, 'isLive'>;
  readonly bus: Pick<RelayBus, 'on' | 'toRelay'>;
  readonly relayId: string;
  readonly clock: Clock;
  readonly random: Random;
}

type QuestionKind = DoorAnswer['kind'];
type AnswerTo<Kind extends QuestionKind> = Extract<DoorAnswer, { kind: Kind }>;

/** Ask the door, whose connection is here. */
const askSchema = z.object({
  kind: z.enum(['status', 'challenge']),
  door: z.string(),
  id: z.string(),
  from: z.string(),
});
const answeredSchema = z.object({ id: z.string(), answer: doorAnswerSchema });

/** Where the answer goes: to a waiting caller here, or to the relay that asked. */
interface Asker {
  readonly kind: QuestionKind;
  readonly tell: (answer: DoorAnswer) => Promise<void> | void;
}

const FOREIGN_MAX = 10_000;

export class DoorQuestions {
  readonly #deps: DoorQuestionsDependencies;
  readonly #askers = new Map<string, Asker>();
  /** One question for the state of a door at a time; everybody who asks meanwhile shares its answer. */
  readonly #running = new Map<string, Promise<DoorStatusAnswer>>();

  constructor(dependencies: DoorQuestionsDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { bus } = this.#deps;
    bus.on('ask', askSchema, ({ kind, door, id, from }) => this.#onForeignQuestion(kind, door, id, from));
    bus.on('answered', answeredSchema, ({ id, answer }) => this.onAnswer(id, answer));
  }

  /** Questions somebody waits for. */
  get underWay(): number {
    return this.#running.size + this.#askers.size;
  }

  /** True while an answer with this id is waited for, here or on the relay that asked. */
  awaits(id: string): boolean {
    return this.#askers.has(id);
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
    const { relay } = await this.#deps.doors.presence(doorId);
    if (relay === undefined || !this.#deps.lease.isLive(relay))
      throw new OpenLockError('door_offline', 'The door is not connected.', { retryAfterMs: 2000 });
    const answer = await this.#question('challenge', doorId, relay);
    if (answer === undefined)
      throw new OpenLockError('door_timeout', 'The door gave no challenge in time; its firmware may know none.');
    return { challenge: answer.challenge, expiresInSeconds: LIMITS.doorChallengeSeconds };
  }

  async #askStatus(doorId: string): Promise<DoorStatusAnswer> {
    const presence = await this.#deps.doors.presence(doorId);
    const online = this.#deps.lease.isLive(presence.relay);
    if (!online || presence.relay === undefined) return lastKnown(presence, false);
    const answer = await this.#question('status', doorId, presence.relay);
    return answer === undefined
      ? lastKnown(presence, true)
      : { online: true, live: true, state: answer.state, at: answer.at };
  }

  async #question<Kind extends QuestionKind>(
    kind: Kind,
    doorId: string,
    relay: string,
  ): Promise<AnswerTo<Kind> | undefined> {
    const id = this.#deps.random.bytes(12).toString('base64url');
    const answered = new Promise<AnswerTo<Kind> | undefined>((resolve) => {
      const giveUp = this.#deps.clock.after(ANSWER_WAIT_MS, () => resolve(undefined));
      const tell = (answer: DoorAnswer): void => {
        giveUp();
        resolve(answer as AnswerTo<Kind>); // onAnswer has compared the kinds
      };
      this.#askers.set(id, { kind, tell });
    }).finally(() => this.#askers.delete(id));
    const link = this.#deps.links.find(doorId);
    if (link !== undefined) link.send({ t: kind, id });
    else await this.#deps.bus.toRelay(relay, { t: 'ask', kind, door: doorId, id, from: this.#deps.relayId });
    return answered;
  }

  #onForeignQuestion(kind: QuestionKind, doorId: string, id: string, from: string): void {
    const link = this.#deps.links.find(doorId);
    if (link === undefined || this.#askers.size >= FOREIGN_MAX) return;
    const tell = (answer: DoorAnswer): Promise<void> => this.#deps.bus.toRelay(from, { t: 'answered', id, answer });
    this.#askers.set(id, { kind, tell });
    this.#deps.clock.after(ANSWER_WAIT_MS, () => this.#askers.delete(id));
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
