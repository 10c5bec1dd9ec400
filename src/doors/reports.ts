/** What doors report once they are live (protocol 5.2 to 5.4): states and events are kept here, the rest goes to whom it is for. */
import { LRUCache } from 'lru-cache';

import type { Clock } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { AuditTrail } from '../audit/trail.js';
import type { DoorChallengeFrame, DoorFrame, EventFrame, ResultFrame } from '../protocol/door-frames.js';
import { isEventKind, type DoorState } from '../protocol/door-state.js';
import type { DoorUpdateFrame } from '../protocol/update-frames.js';
import type { DoorPresenceStore } from '../store/door-presence.js';
import type { DoorAnswer } from './door-answer.js';
import type { DoorLink } from './door-link.js';
import type { LiveDoor } from './live-door.js';

export interface DoorReportsDependencies {
  readonly store: Pick<DoorPresenceStore, 'event' | 'saveState'>;
  /** Answers to commands. */
  readonly results: { onResult(doorId: string, frame: ResultFrame): Promise<void>; awaits(commandId: string): boolean };
  /** Answers to questions. */
  readonly questions: { onAnswer(id: string, answer: DoorAnswer): Promise<void>; awaits(id: string): boolean };
  readonly updates: { onFrame(link: DoorLink, frame: DoorUpdateFrame): void; expectsGets(link: DoorLink): boolean };
  readonly audit: Pick<AuditTrail, 'entry'>;
  readonly metrics: Pick<Metrics, 'sequenceGaps'>;
  readonly clock: Pick<Clock, 'now'>;
}

const REMEMBERED_EVENTS = 20_000;

export class DoorReports {
  readonly #deps: DoorReportsDependencies;
  /** `seq` counts within a boot, also across reconnects (protocol 5.4). */
  readonly #lastEvent = new LRUCache<string, { boot: string; seq: number }>({ max: REMEMBERED_EVENTS });

  constructor(dependencies: DoorReportsDependencies) {
    this.#deps = dependencies;
  }

  /** True for what this relay asked for: the answer to a command or question written here, the blocks of a download (bounded by their number under way). */
  expects(door: DoorLink, frame: DoorFrame): boolean {
    if (frame.t === 'result') return this.#deps.results.awaits(frame.id);
    if (frame.t === 'status' || frame.t === 'challenge')
      return frame.id !== undefined && this.#deps.questions.awaits(frame.id);
    return frame.t === 'update' && frame.phase === 'get' && this.#deps.updates.expectsGets(door);
  }

  async frame(door: LiveDoor, frame: DoorFrame): Promise<void> {
    switch (frame.t) {
      case 'result':
        return this.#deps.results.onResult(door.doorId, frame);
      case 'status':
        return this.#onState(door.doorId, frame.id, frame.state);
      case 'challenge':
        return this.#onChallenge(frame);
      case 'event':
        return this.#onEvent(door, frame);
      case 'update':
        return this.#deps.updates.onFrame(door, frame);
      case 'hello':
      case 'keepalive':
        return;
    }
  }

  async #onState(doorId: string, id: string | undefined, state: DoorState): Promise<void> {
    const at = this.#deps.clock.now();
    if (id !== undefined) await this.#deps.questions.onAnswer(id, { kind: 'status', state, at });
    const frame = { t: 'status', online: true, live: true, state, at };
    await this.#deps.store.saveState(doorId, JSON.stringify(state), at, JSON.stringify(frame));
  }

  /** One that is malformed answers nobody (protocol 19.4). */
  async #onChallenge({ id, challenge }: DoorChallengeFrame): Promise<void> {
    if (challenge !== undefined) await this.#deps.questions.onAnswer(id, { kind: 'challenge', challenge });
  }

  async #onEvent({ doorId, boot }: LiveDoor, event: EventFrame): Promise<void> {
    const last = this.#lastEvent.get(doorId);
    if (last?.boot === boot && event.seq > last.seq + 1) this.#deps.metrics.sequenceGaps.inc(event.seq - last.seq - 1);
    this.#lastEvent.set(doorId, { boot, seq: event.seq });
    const { kind, at, data } = event;
    if (!isEventKind(kind)) return;
    const frame = { t: 'event', kind, at, ...(data !== undefined && { data }) };
    const entry = this.#deps.audit.entry({ kind: 'door_event', actor: `door:${doorId}`, door: doorId, code: kind });
    await this.#deps.store.event(doorId, kind, JSON.stringify(frame), entry);
  }
}
