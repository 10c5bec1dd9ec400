/**
 * The door's side of a command on the relay that holds the socket (protocol 6.7): claim, write, and store the answer.
 * Nothing is written to a socket before the store says `claimed` for that very connection.
 */
import { z } from 'zod';

import type { Cancel, Clock } from '../clock.js';
import type { AuditTrail } from '../audit/trail.js';
import type { DoorLink, DoorLinks } from '../doors/door-link.js';
import { COMMAND_STATES } from '../protocol/client-frames.js';
import type { ResultFrame } from '../protocol/door-frames.js';
import type { RelayBus } from '../relays/bus.js';
import type { CommandName, CommandStore } from '../store/command-store.js';
import { persist } from '../store/persist.js';
import type { Ending, Waiters } from './waiters.js';

export interface DoorDispatcherDependencies {
  readonly store: Pick<CommandStore, 'abandon' | 'claim' | 'read' | 'settle'>;
  readonly links: DoorLinks;
  readonly waiters: Waiters;
  readonly bus: Pick<RelayBus, 'on'>;
  readonly audit: Pick<AuditTrail, 'entry'>;
  readonly relayId: string;
  readonly clock: Clock;
  readonly onError: (error: unknown, work: string) => void;
}

interface Sent {
  readonly doorId: string;
  readonly minute: number | undefined;
  readonly deadline: number;
}

/** Hints and ends come together that were written together. */
const claimSchema = z.object({
  commands: z.array(z.object({ door: z.string(), id: z.string(), minute: z.coerce.number() })),
});
const settledSchema = z.object({
  commands: z.array(
    z.object({
      id: z.string(),
      state: z.enum(COMMAND_STATES),
      status: z.union([z.literal(200), z.literal(400)]).optional(),
      receipt: z.string().optional(),
    }),
  ),
});

/** Answers on their way into the store; beyond this many, one that does not get there at once is given up. */
const STORING_MAX = 10_000;
const RETRY_MS = 500;
const RETRY_FOR_MS = 600_000;
/** How long after its deadline an unanswered command is closed in the store, so that its end is on record. */
const CLOSE_AFTER_MS = 1000;

export class DoorDispatcher {
  readonly #deps: DoorDispatcherDependencies;
  readonly #sent = new Map<string, Sent>();
  readonly #stopping = new AbortController();
  #storing = 0;
  #cancel: Cancel = () => undefined;

  constructor(dependencies: DoorDispatcherDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { bus, clock, waiters } = this.#deps;
    // A command waits for a door whose connection is here; one that was taken here was settled elsewhere.
    bus.on('claim', claimSchema, async ({ commands }) => {
      await Promise.all(commands.map(({ door, id, minute }) => this.#onHint({ doorId: door, commandId: id, minute })));
    });
    bus.on('settled', settledSchema, ({ commands }) =>
      commands.forEach(({ id, ...ending }) => waiters.settle(id, ending)),
    );
    this.#cancel = clock.every(CLOSE_AFTER_MS, () => this.#closeOverdue());
  }

  stop(): void {
    this.#cancel();
    this.#stopping.abort();
  }

  /** Commands that were written to a door and not answered yet, and answers that are not stored yet. */
  get inFlight(): number {
    return this.#sent.size + this.#storing;
  }

  /** True while an answer to this command is awaited here. */
  awaits(commandId: string): boolean {
    return this.#sent.has(commandId);
  }

  async #onHint(command: CommandName): Promise<void> {
    const link = this.#deps.links.find(command.doorId);
    if (link === undefined) return;
    try {
      const claim = await this.#deps.store.claim(command, this.#deps.relayId, link.conn);
      if ('jwe' in claim) await this.deliver(link, { jwe: claim.jwe, deadline: claim.deadline, ...command });
    } catch (error) {
      // The reply is lost: the command may be claimed, but nothing was written. Its deadline ends it; it is never sent blindly.
      this.#deps.onError(error, 'claim');
    }
  }

  /**
   * Writes a command that is claimed for this link. False when the socket would not take it: then nothing was written, and
   * the command is expired in the store.
   */
  async deliver(link: DoorLink, command: CommandName & { jwe: string; deadline: number }): Promise<boolean> {
    const { commandId, minute, jwe, deadline } = command;
    const { doorId } = link;
    this.#sent.set(commandId, { doorId, minute, deadline });
    if (link.send({ t: 'command', id: commandId, jwe, deadline })) return true;
    this.#sent.delete(commandId);
    await this.#deps.store
      .abandon({ doorId, commandId, minute }, this.#deps.relayId)
      .catch((error: unknown) => this.#deps.onError(error, 'abandon'));
    return false;
  }

  /** The door's answer. Kept and tried again while the store is away; a second answer changes nothing. */
  async onResult(doorId: string, frame: ResultFrame): Promise<void> {
    const sent = this.#sent.get(frame.id);
    if (sent !== undefined && sent.doorId !== doorId) return; // a door settles only its own (protocol 5.7)
    this.#sent.delete(frame.id);
    const ending = await this.#store(doorId, frame, sent?.minute);
    if (ending !== undefined) this.#deps.waiters.settle(frame.id, ending);
  }

  async #store(doorId: string, frame: ResultFrame, minute: number | undefined): Promise<Ending | undefined> {
    const { store, audit, clock, relayId, onError } = this.#deps;
    const until = clock.monotonic() + RETRY_FOR_MS;
    const auditEntry = audit.entry({
      kind: 'command_settled',
      actor: `door:${doorId}`,
      door: doorId,
      commandId: frame.id,
      code: frame.status === 200 ? 'executed' : 'refused',
    });
    const settle = async (): Promise<Ending | undefined> => {
      const { state } = await store.settle({
        doorId,
        commandId: frame.id,
        minute,
        status: frame.status,
        credentialRefused: frame.refusal === 'credential',
        receipt: frame.receipt,
        node: relayId,
        auditEntry,
      });
      return state === undefined ? undefined : { state, status: frame.status, receipt: frame.receipt };
    };
    this.#storing += 1;
    const ending = await persist(settle, {
      clock,
      waitMs: () => (this.#storing > STORING_MAX || clock.monotonic() > until ? undefined : RETRY_MS),
      signal: this.#stopping.signal,
      onError: (error) => onError(error, 'settle'),
    });
    this.#storing -= 1;
    return ending;
  }

  /** A command nobody answered: reading it past its deadline writes its end down (protocol 6.7). */
  #closeOverdue(): void {
    const now = this.#deps.clock.now();
    for (const [commandId, { doorId, minute, deadline }] of this.#sent) {
      if (now < deadline + CLOSE_AFTER_MS) continue;
      this.#sent.delete(commandId);
      this.#deps.store
        .read({ doorId, commandId, minute })
        .catch((error: unknown) => this.#deps.onError(error, 'close'));
    }
  }
}
