/** Commands from a site to a door: admission in the order of protocol 6.5, at most once (6.7), and the answer. */
import { hash } from 'node:crypto';

import type { Cancel, Clock } from '../clock.js';
import { actorOf, type Caller, type RequestContext } from '../principal.js';
import type { Metrics } from '../metrics.js';
import type { AuditTrail } from '../audit/trail.js';
import { ownRole, type DoorAccess } from '../doors/door-access.js';
import type { DoorLink, DoorLinks } from '../doors/door-link.js';
import type { CommandAnswer, CommandRecord, DoorChallengeAnswer, DoorStatusAnswer } from '../protocol/api.js';
import { parseCommandEnvelope, type CommandHeader } from '../protocol/envelope.js';
import { OpenLockError } from '../protocol/problem.js';
import type { RelayLease } from '../relays/lease.js';
import { minuteOf, type AdmitResult, type CommandName, type CommandStore } from '../store/command-store.js';
import type { DoorDispatcher } from './door-dispatcher.js';
import type { DoorQuestions } from './door-questions.js';
import type { Ending, Waiter, Waiters } from './waiters.js';

export interface CommandServiceDependencies {
  readonly store: Pick<CommandStore, 'admit' | 'nudge' | 'read'>;
  readonly access: Pick<DoorAccess, 'roleOf'>;
  readonly lease: Pick<RelayLease, 'liveList'>;
  readonly links: DoorLinks;
  readonly dispatcher: DoorDispatcher;
  readonly waiters: Waiters;
  readonly questions: Pick<DoorQuestions, 'ask' | 'askChallenge' | 'underWay'>;
  readonly audit: Pick<AuditTrail, 'entry'>;
  readonly metrics: Pick<Metrics, 'commands' | 'commandSeconds' | 'replays'>;
  readonly clock: Clock;
  readonly relayId: string;
  readonly commandTimeoutMs: number;
  readonly onError: (error: unknown, work: string) => void;
}

/** `beforeDeadline`: told, not found out when the time was up. */
type TimedEnding = Ending & { readonly beforeDeadline?: boolean };

type Admitted = Extract<AdmitResult, { deadline: number }>;

/** When a hint to another relay may have been lost, it is repeated after these many milliseconds. */
const NUDGES_MS = [300, 1500] as const;
/** Grace after the deadline for a door's answer that is on its way through the store. */
const GRACE_MS = 100;

export class CommandService {
  readonly #deps: CommandServiceDependencies;

  constructor(dependencies: CommandServiceDependencies) {
    this.#deps = dependencies;
  }

  /**
   * Forwards one envelope and waits for the door's answer (protocol 7.3). The caller has checked token, session and limits.
   * Throws `door_refused`, `door_timeout`, `replayed` and every refusal of 6.5.
   */
  async submit(caller: Caller, doorId: string, jwe: string, context: RequestContext): Promise<CommandAnswer> {
    const startedAt = this.#deps.clock.monotonic();
    const header = this.#parse(doorId, jwe);
    const commandId = hash('sha256', jwe, 'base64url');
    const name = { doorId, commandId, minute: minuteOf(header.iat) };
    const waiter = this.#deps.waiters.open(commandId);
    try {
      const link = this.#deps.links.find(doorId);
      const { outcome, deadline } = await this.#admit(caller, header, jwe, commandId, link, context);
      waiter.expireIn(this.#deps.commandTimeoutMs + GRACE_MS);
      // A pending one is on its way already: the store has published the hint.
      if (outcome === 'claimed') {
        if (link === undefined) throw new Error('claimed without a local connection');
        if (!(await this.#deps.dispatcher.deliver(link, { jwe, deadline, ...name })))
          return this.#answer({ state: 'expired', beforeDeadline: true }, commandId, startedAt);
      }
      return this.#answer(await this.#await(waiter, name, outcome), commandId, startedAt);
    } finally {
      waiter.close();
    }
  }

  /** A command's state, for its sender (protocol 7.4). */
  async record(caller: Caller, doorId: string, commandId: string): Promise<CommandRecord> {
    await this.#deps.access.roleOf(caller, doorId);
    const isId = /^[A-Za-z0-9_-]{43}$/.test(commandId);
    const stored = isId ? await this.#deps.store.read({ doorId, commandId, minute: undefined }) : undefined;
    if (stored === undefined || stored.siteId !== actorOf(caller)) {
      throw new OpenLockError('command_not_found', 'No such command, or it is older than ten minutes.');
    }
    return {
      commandId,
      state: stored.state,
      submittedAt: stored.submittedAt,
      ...(stored.status !== undefined && { status: stored.status }),
      ...(stored.receipt !== undefined && { receipt: stored.receipt }),
      ...(stored.settledAt !== undefined && { settledAt: stored.settledAt }),
    };
  }

  /** Asks the door, or tells what it last said (protocol 7.5). */
  async status(caller: Caller, doorId: string): Promise<DoorStatusAnswer> {
    await this.#deps.access.roleOf(caller, doorId);
    return this.#deps.questions.ask(doorId);
  }

  /** Asks the door for a challenge of the caller's own (protocol 19.4). Throws `door_offline`, `door_timeout`. */
  async challenge(caller: Caller, doorId: string): Promise<DoorChallengeAnswer> {
    await this.#deps.access.roleOf(caller, doorId);
    return this.#deps.questions.askChallenge(doorId);
  }

  /** Commands and questions that somebody waits for, or whose answer is being stored: a stop lets them finish. */
  get underWay(): number {
    const { waiters, dispatcher, questions } = this.#deps;
    return waiters.size + dispatcher.inFlight + questions.underWay;
  }

  #parse(doorId: string, jwe: string): CommandHeader {
    const envelope = parseCommandEnvelope(jwe);
    if (!envelope.ok) throw new OpenLockError('invalid_envelope', `The envelope is refused: ${envelope.detail}.`);
    if (envelope.header.door !== doorId)
      throw new OpenLockError('invalid_envelope', 'The envelope is for another door than the path names.');
    return envelope.header;
  }

  async #admit(
    caller: Caller,
    header: CommandHeader,
    jwe: string,
    commandId: string,
    link: DoorLink | undefined,
    context: RequestContext,
  ): Promise<Admitted> {
    const result = await this.#deps.store
      .admit({
        siteId: actorOf(caller),
        doorId: header.door,
        commandId,
        jwe,
        scope: header.scope,
        kid: header.kid,
        iat: header.iat,
        node: this.#deps.relayId,
        conn: link?.conn,
        liveNodes: this.#deps.lease.liveList,
        timeoutMs: this.#deps.commandTimeoutMs,
        builtInRole: ownRole(caller),
        auditEntry: this.#deps.audit.entry({
          kind: 'command_submitted',
          actor: actorOf(caller),
          door: header.door,
          commandId,
          address: context.address,
          requestId: context.requestId,
        }),
      })
      .catch((error: unknown) => {
        // The reply is lost, so it may be recorded (and, through another relay, run): the id lets the sender ask later.
        throw error instanceof OpenLockError
          ? new OpenLockError(error.code, error.message, { ...error.extras, commandId })
          : error;
      });
    if (result.outcome === 'replayed') {
      this.#deps.metrics.replays.inc();
      throw new OpenLockError('replayed', 'This envelope was already used; make a new one for a new command.', {
        commandId,
        ...(result.state !== undefined && { state: result.state }),
      });
    }
    if (result.outcome === 'refused') throw refusal(result.code, result.retryAfterMs);
    return result;
  }

  async #await(waiter: Waiter, command: CommandName, outcome: Admitted['outcome']): Promise<TimedEnding> {
    const nudges = outcome === 'pending' ? this.#nudge(command) : [];
    const ending = await waiter.promise;
    for (const cancel of nudges) cancel();
    if (ending !== undefined) return { beforeDeadline: true, ...ending };
    // Time is up, or a message between relays was lost: the store knows.
    try {
      return (await this.#deps.store.read(command)) ?? { state: 'indeterminate' };
    } catch (error) {
      if (!isStoreLoss(error)) throw error;
      // The command is on its way and nobody can tell what became of it: that is what the sender has to hear.
      this.#deps.onError(error, 'read');
      return { state: 'indeterminate' };
    }
  }

  #nudge(command: CommandName): readonly Cancel[] {
    const nudge = async (): Promise<void> => {
      const state = await this.#deps.store.nudge(command);
      if (state !== 'executed' && state !== 'refused' && state !== 'expired') return;
      const stored = await this.#deps.store.read(command);
      if (stored !== undefined) this.#deps.waiters.settle(command.commandId, stored);
    };
    return NUDGES_MS.map((afterMs) =>
      this.#deps.clock.after(afterMs, () => void nudge().catch((error: unknown) => this.#deps.onError(error, 'nudge'))),
    );
  }

  #answer(ending: TimedEnding, commandId: string, startedAt: number): CommandAnswer {
    const { state, status, receipt } = ending;
    const latencyMs = Math.round((this.#deps.clock.monotonic() - startedAt) * 10) / 10;
    this.#deps.metrics.commands.inc({ state });
    if (state === 'executed' || state === 'refused') this.#deps.metrics.commandSeconds.observe(latencyMs / 1000);
    if (state === 'executed')
      return { commandId, state, status: 200, latencyMs, ...(receipt !== undefined && { receipt }) };
    const extras = { commandId, state, ...(receipt !== undefined && { receipt }) };
    if (state === 'refused' || status === 400)
      throw new OpenLockError('door_refused', 'The door refused the command; the receipt says why.', {
        ...extras,
        doorStatus: 400,
        latencyMs,
      });
    if (state === 'expired' && ending.beforeDeadline === true) {
      throw new OpenLockError(
        'door_offline',
        'The door went away before the command was written to its socket; it was certainly not sent.',
        { ...extras, retryAfterMs: 2000 },
      );
    }
    if (state === 'expired')
      throw new OpenLockError(
        'door_timeout',
        'The command did not reach the door and has expired; it was certainly not sent.',
        extras,
      );
    throw new OpenLockError(
      'door_timeout',
      'The door did not answer in time; the command may have run. Ask for its state before trying again.',
      extras,
    );
  }
}

const DETAILS: Partial<Record<OpenLockError['code'], string>> = {
  door_not_found: 'There is no such door, or this site may not see it.',
  action_not_allowed: 'The role of this site at this door does not allow the scope of the command.',
  door_disabled: 'The door is disabled by its operator.',
  key_not_found: 'The door has no key yet.',
  wrong_key: 'The envelope is made for a key that is not the current one of this door.',
  key_banned: 'The key of this door is banned.',
  stale_timestamp:
    'The envelope is more than 60 seconds away from the time of the relay; check the clock and make a new one.',
  rate_limited: 'Too many commands for this door at the moment.',
  door_offline: 'The door is not connected.',
};

function isStoreLoss(error: unknown): boolean {
  return error instanceof OpenLockError && error.code === 'store_unavailable';
}

function refusal(code: OpenLockError['code'], retryAfterMs: number): OpenLockError {
  const retry = retryAfterMs > 0 ? retryAfterMs : code === 'door_offline' ? 2000 : undefined;
  return new OpenLockError(code, DETAILS[code] ?? code, retry === undefined ? {} : { retryAfterMs: retry });
}
