/** Asking a door for its state, wherever its socket is (protocol 7.5). Nothing of this is stored but the answer. */
import { z } from 'zod';

import type { Clock, Random } from '../clock.js';
import type { DoorLinks } from '../doors/door-link.js';
import type { DoorStatusAnswer } from '../protocol/api.js';
import { doorStateSchema, type DoorState } from '../protocol/door-state.js';
import { LIMITS } from '../protocol/limits.js';
import type { RelayBus } from '../relays/bus.js';
import type { RelayLease } from '../relays/lease.js';
import type { DoorPresence, DoorPresenceStore } from '../store/door-presence.js';

export interface StatusQueriesDependencies {
  readonly doors: Pick<DoorPresenceStore, 'presence'>;
  readonly links: DoorLinks;
  readonly lease: Pick<RelayLease, 'isLive'>;
  readonly bus: Pick<RelayBus, 'on' | 'toRelay'>;
  readonly relayId: string;
  readonly clock: Clock;
  readonly random: Random;
}

interface Answer {
  readonly state: DoorState;
  readonly at: number;
}

/** Where the answer to a question goes: to a waiting caller here, or to the relay that asked. */
type Asker = { readonly relay: string } | ((answer: Answer | undefined) => void);

/** Ask the door, whose connection is here, for its state. */
const askSchema = z.object({ door: z.string(), id: z.string(), from: z.string() });
const answeredSchema = z.object({ id: z.string(), state: doorStateSchema, at: z.number() });

const FOREIGN_MAX = 10_000;

export class StatusQueries {
  readonly #deps: StatusQueriesDependencies;
  readonly #askers = new Map<string, Asker>();
  /** One question per door at a time; everybody who asks meanwhile shares its answer. */
  readonly #running = new Map<string, Promise<DoorStatusAnswer>>();

  constructor(dependencies: StatusQueriesDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { bus } = this.#deps;
    bus.on('ask', askSchema, ({ door, id, from }) => this.#onForeignQuestion(door, id, from));
    bus.on('answered', answeredSchema, ({ id, state, at }) => this.onAnswer(id, state, at));
  }

  /** Questions somebody waits for. */
  get underWay(): number {
    return this.#running.size + this.#askers.size;
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
    const online = this.#deps.lease.isLive(presence.relay);
    if (!online || presence.relay === undefined) return lastKnown(presence, false);
    const id = this.#deps.random.bytes(12).toString('base64url');
    const answer = await this.#question(doorId, id, presence.relay);
    return answer === undefined
      ? lastKnown(presence, true)
      : { online: true, live: true, state: answer.state, at: answer.at };
  }

  async #question(doorId: string, id: string, relay: string): Promise<Answer | undefined> {
    const answered = new Promise<Answer | undefined>((resolve) => {
      const giveUp = this.#deps.clock.after(LIMITS.statusWaitMs, () => resolve(undefined));
      this.#askers.set(id, (answer) => {
        giveUp();
        resolve(answer);
      });
    }).finally(() => this.#askers.delete(id));
    const link = this.#deps.links.find(doorId);
    if (link !== undefined) link.send({ t: 'status', id });
    else await this.#deps.bus.toRelay(relay, { t: 'ask', door: doorId, id, from: this.#deps.relayId });
    return answered;
  }

  #onForeignQuestion(doorId: string, id: string, from: string): void {
    const link = this.#deps.links.find(doorId);
    if (link === undefined || this.#askers.size >= FOREIGN_MAX) return;
    this.#askers.set(id, { relay: from });
    this.#deps.clock.after(LIMITS.statusWaitMs, () => this.#askers.delete(id));
    link.send({ t: 'status', id });
  }

  /** A door's (or another relay's) answer to a question. */
  async onAnswer(id: string, state: DoorState, at: number): Promise<void> {
    const asker = this.#askers.get(id);
    if (asker === undefined) return;
    this.#askers.delete(id);
    if (typeof asker === 'function') asker({ state, at });
    else await this.#deps.bus.toRelay(asker.relay, { t: 'answered', id, state, at });
  }
}

function lastKnown(presence: DoorPresence, online: boolean): DoorStatusAnswer {
  const state = presence.state === undefined ? undefined : doorStateSchema.safeParse(JSON.parse(presence.state));
  return { online, live: false, state: state?.success === true ? state.data : null, at: presence.stateAt ?? null };
}
