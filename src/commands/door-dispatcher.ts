/**
 * The door's side of a command on the relay that holds the socket (protocol 6.7): claim, write, and store the answer.
 * Nothing is written to a socket before the store says `claimed` for that very connection.
 */
import type { Clock } from '../clock.js';
import type { AuditTrail } from '../audit/trail.js';
import type { ResultFrame } from '../protocol/door-frames.js';
import { OpenLockError } from '../protocol/problem.js';
import type { CommandStore } from '../store/command-store.js';
import type { DoorLink, DoorLinks } from './door-links.js';
import type { Ending, Waiters } from './waiters.js';

export interface DoorDispatcherDependencies {
  readonly store: CommandStore;
  readonly links: DoorLinks;
  readonly waiters: Waiters;
  readonly audit: AuditTrail;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly onError: (error: unknown, work: string) => void;
}

interface Sent {
  readonly doorId: string;
  readonly siteId: string;
  readonly deadline: number;
}

/** Answers that wait for the store to come back; beyond this many the oldest are given up. */
const UNSTORED_MAX = 10_000;
const RETRY_MS = 500;
const RETRY_FOR_MS = 600_000;
/** How long after its deadline an unanswered command is closed in the store, so that its end is on record. */
const CLOSE_AFTER_MS = 1000;

export class DoorDispatcher {
  readonly #deps: DoorDispatcherDependencies;
  readonly #sent = new Map<string, Sent>();
  #unstored = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(dependencies: DoorDispatcherDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    this.#sweeper = setInterval(() => this.#closeOverdue(), CLOSE_AFTER_MS);
    this.#sweeper.unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
  }

  /** Commands that were written to a door and not answered yet. */
  get inFlight(): number {
    return this.#sent.size + this.#unstored;
  }

  /** True while an answer to this command is awaited here. */
  awaits(commandId: string): boolean {
    return this.#sent.has(commandId);
  }

  /** A hint that a command waits for a door of this relay. */
  async onHint(doorId: string, commandId: string): Promise<void> {
    const link = this.#deps.links.find(doorId);
    if (link === undefined) return;
    try {
      const claim = await this.#deps.store.claim(doorId, commandId, this.#deps.nodeId, link.conn);
      if ('jwe' in claim)
        await this.deliver(link, { commandId, jwe: claim.jwe, deadline: claim.deadline, siteId: claim.siteId });
    } catch (error) {
      // The reply is lost: the command may be claimed, but nothing was written. Its deadline ends it; it is never sent blindly.
      this.#deps.onError(error, 'claim');
    }
  }

  /**
   * Writes a command that is claimed for this link. False when the socket would not take it: then nothing was written, and
   * the command is expired in the store.
   */
  async deliver(
    link: DoorLink,
    command: { commandId: string; jwe: string; deadline: number; siteId: string },
  ): Promise<boolean> {
    const { commandId, jwe, deadline, siteId } = command;
    this.#sent.set(commandId, { doorId: link.doorId, siteId, deadline });
    if (link.send({ t: 'command', id: commandId, jwe, deadline })) return true;
    this.#sent.delete(commandId);
    await this.#deps.store
      .abandon(link.doorId, commandId, this.#deps.nodeId)
      .catch((error: unknown) => this.#deps.onError(error, 'abandon'));
    return false;
  }

  /** The door's answer. Kept and tried again while the store is away; a second answer changes nothing. */
  async onResult(doorId: string, frame: ResultFrame): Promise<void> {
    const sent = this.#sent.get(frame.id);
    if (sent !== undefined && sent.doorId !== doorId) return; // a door settles only its own (protocol 5.7)
    this.#sent.delete(frame.id);
    const ending = await this.#store(doorId, frame, sent?.siteId);
    if (ending !== undefined) this.#deps.waiters.settle(frame.id, ending);
  }

  async #store(doorId: string, frame: ResultFrame, knownSite: string | undefined): Promise<Ending | undefined> {
    const until = this.#deps.clock.monotonic() + RETRY_FOR_MS;
    const auditEntry = this.#deps.audit.entry({
      kind: 'command_settled',
      actor: `door:${doorId}`,
      door: doorId,
      commandId: frame.id,
      code: frame.status === 200 ? 'executed' : 'refused',
    });
    for (;;) {
      try {
        const siteId = knownSite ?? (await this.#deps.store.siteOf(doorId, frame.id));
        if (siteId === undefined) return undefined;
        const { state } = await this.#deps.store.settle({
          doorId,
          commandId: frame.id,
          siteId,
          status: frame.status,
          credentialRefused: frame.refusal === 'credential',
          receipt: frame.receipt,
          node: this.#deps.nodeId,
          auditEntry,
        });
        return state === undefined ? undefined : { state, status: frame.status, receipt: frame.receipt };
      } catch (error) {
        this.#deps.onError(error, 'settle');
        if (!(error instanceof OpenLockError) || this.#unstored >= UNSTORED_MAX || this.#deps.clock.monotonic() > until)
          return undefined;
      }
      this.#unstored += 1;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      this.#unstored -= 1;
    }
  }

  /** A command nobody answered: reading it past its deadline writes its end down (protocol 6.7). */
  #closeOverdue(): void {
    const now = this.#deps.clock.now();
    for (const [commandId, { doorId, deadline }] of this.#sent) {
      if (now < deadline + CLOSE_AFTER_MS) continue;
      this.#sent.delete(commandId);
      this.#deps.store.read(doorId, commandId).catch((error: unknown) => this.#deps.onError(error, 'close'));
    }
  }
}
