import {
  commandRecordSchema,
  doorChallengeAnswerSchema,
  type CommandRecord,
  type DoorStatusAnswer,
} from '../protocol/api.js';
import { ACT_SCOPES } from '../protocol/command-body.js';
import { OpenLockError, type ProblemCode } from '../protocol/problem.js';
import type { ClientClock, ClientRandom } from './ambient.js';
import { doorPath, type ApiClient } from './api-client.js';
import { bounded, pause } from './bounded.js';
import type { CommandResult } from './command-result.js';
import { sealCommand, type CommandContent, type SealedCommand } from './envelope.js';
import { DoorRefusedError, ReceiptError, TimeoutError, UnreachableError } from './errors.js';
import { newIntent, readIntent, textOf, type Intent } from './intent.js';
import type { PinnedKey } from './key-pin.js';
import { readReceipt } from './receipt.js';
import { readAnswer } from './session.js';

/** What the relay says of a command; only the receipt in it can be believed. */
export interface RelayAnswer {
  readonly commandId: string;
  readonly state: string;
  /** Absent while the door has not answered. */
  readonly status?: 200 | 400 | undefined;
  readonly receipt?: string | undefined;
  readonly latencyMs?: number | undefined;
}

export interface SendOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions extends SendOptions {
  /** Of an earlier attempt. */
  readonly intent?: string | undefined;
  readonly freshness?: Freshness | undefined;
}

/** How a door knows that a command is new: by its `iat` and the door's clock, or by a challenge of the door (protocol 19.4). */
export type Freshness = 'clock' | 'challenge';

/** A way to the relay: HTTP or the client socket. Throws {@link OpenLockError}; {@link UnreachableError} where the outcome is not known. */
export interface CommandTransport {
  submit(doorId: string, jwe: string, options: SendOptions): Promise<RelayAnswer>;
  /** Protocol 7.5. */
  status(doorId: string, options: SendOptions): Promise<DoorStatusAnswer>;
}

export interface CommanderOptions {
  readonly api: ApiClient;
  readonly clock: ClientClock;
  readonly random: ClientRandom;
  readonly requestTimeoutMs: number;
  /** How long to go on asking for the state of a command whose answer was lost. 0: ask once. */
  readonly settleTimeoutMs: number;
}

/** A command on its way. */
interface Flight {
  readonly doorId: string;
  readonly intent: Intent;
  readonly sealed: SealedCommand;
  readonly signal: AbortSignal | undefined;
}

/** After these the door may have the command: the state is asked for, and nothing is sent again (protocol 6.7). */
const UNKNOWN_OUTCOME: ReadonlySet<ProblemCode> = new Set<ProblemCode>(['door_timeout', 'replayed', 'internal']);

function isOutcomeUnknown(error: OpenLockError): boolean {
  if (error instanceof UnreachableError) return error.sent;
  // A refused envelope is not recorded (6.5), so a command id beside a store that is away means that it had been admitted.
  return (
    UNKNOWN_OUTCOME.has(error.code) || (error.code === 'store_unavailable' && error.extras.commandId !== undefined)
  );
}

const ASK_AGAIN_MS = 500;

/**
 * Seals a command, sends it, and finds out what became of it. It is sent once; a second time only when the door itself says
 * that it has not run for want of a challenge, or when the caller hands an intent in. Every envelope of an intent has its
 * `jti`, so that the door runs one of them at most (protocol 6.6), whatever the relay makes of them.
 */
export class Commander {
  readonly #options: CommanderOptions;

  constructor(options: CommanderOptions) {
    this.#options = options;
  }

  async run(
    content: CommandContent,
    pinned: PinnedKey,
    transport: CommandTransport,
    options: RunOptions,
  ): Promise<CommandResult> {
    const intent = this.#intent(content, options.intent);
    const send = (withChallenge: boolean): Promise<CommandResult> =>
      this.#send(content, intent, withChallenge, pinned, transport, options);
    try {
      return await send(options.freshness === 'challenge');
    } catch (error) {
      if (!(error instanceof DoorRefusedError) || error.receiptCode !== 'challenge_required') throw error;
      return send(true);
    }
  }

  /** A question may be asked twice: it needs to be held to nothing, and an answer `replayed` would be none. */
  #intent({ act, doorId }: CommandContent, text: string | undefined): Intent {
    const { clock } = this.#options;
    if (text === undefined || ACT_SCOPES[act] === 'query') return newIntent(act, doorId, this.#options);
    return readIntent(text, { act, doorId }, clock.now());
  }

  async #send(
    content: CommandContent,
    intent: Intent,
    withChallenge: boolean,
    pinned: PinnedKey,
    transport: CommandTransport,
    options: SendOptions,
  ): Promise<CommandResult> {
    const { clock, random, requestTimeoutMs } = this.#options;
    const { signal } = options;
    const late = (): Error =>
      new UnreachableError('timeout', `the key of the door did not come within ${requestTimeoutMs} ms`, false);
    const key = await bounded({ clock, timeoutMs: requestTimeoutMs, signal, late }, () => pinned.trusted());
    const challenge = withChallenge ? await this.#challenge(content.doorId, signal) : undefined;
    const sealed = await sealCommand(content, { key, iat: clock.now(), random, jti: intent.jti, challenge });
    signal?.throwIfAborted();
    const flight: Flight = { doorId: content.doorId, intent, sealed, signal };
    let answer: RelayAnswer;
    try {
      answer = await transport.submit(content.doorId, sealed.jwe, options);
    } catch (error) {
      return this.#afterFailure(flight, pinned, error);
    }
    return this.#conclude(flight, answer);
  }

  /** Protocol 19.4: 32 bytes the door made just now. */
  async #challenge(doorId: string, signal: AbortSignal | undefined): Promise<string> {
    const answer = await this.#options.api.request({
      method: 'GET',
      path: `${doorPath(doorId)}/challenge`,
      timeoutMs: this.#options.requestTimeoutMs,
      signal,
    });
    return readAnswer(doorChallengeAnswerSchema, answer).challenge;
  }

  async #afterFailure(flight: Flight, pinned: PinnedKey, error: unknown): Promise<CommandResult> {
    if (flight.signal?.aborted === true) throw this.#unknown(flight, 'unknown', flight.signal.reason);
    if (!(error instanceof OpenLockError)) throw error;
    if (error.code === 'wrong_key') throw await pinned.changed(error);
    if (!isOutcomeUnknown(error)) throw error;
    return this.#ask(flight, error.extras.state ?? 'unknown', error);
  }

  /** Asks what became of a command until it is settled or the time is up. Never sends it again. */
  async #ask(flight: Flight, lastState: string, cause: unknown): Promise<CommandResult> {
    const { clock, settleTimeoutMs } = this.#options;
    const giveUpAt = clock.monotonic() + settleTimeoutMs;
    let state = lastState;
    while (state !== 'expired') {
      const record = await this.#record(flight);
      if (record?.status !== undefined) return this.#conclude(flight, record);
      state = record?.state ?? state;
      if (state === 'expired' || flight.signal?.aborted === true || clock.monotonic() + ASK_AGAIN_MS > giveUpAt) break;
      await pause(clock, ASK_AGAIN_MS, flight.signal).catch(() => undefined);
    }
    throw this.#unknown(flight, state, cause);
  }

  /** `undefined` when the relay does not know the command (yet), or does not answer. */
  async #record(flight: Flight): Promise<CommandRecord | undefined> {
    const path = `${doorPath(flight.doorId)}/commands/${flight.sealed.commandId}`;
    try {
      const answer = await this.#options.api.request({
        method: 'GET',
        path,
        timeoutMs: this.#options.requestTimeoutMs,
        signal: flight.signal,
      });
      return readAnswer(commandRecordSchema, answer);
    } catch {
      return undefined;
    }
  }

  #unknown(flight: Flight, state: string, cause: unknown): TimeoutError {
    const { doorId, sealed, intent } = flight;
    const askAgain = (): Promise<CommandResult> => this.#ask({ ...flight, signal: undefined }, state, cause);
    return new TimeoutError(doorId, sealed.commandId, state, textOf(intent), cause, askAgain);
  }

  /** The receipt decides. What the relay says beside it is advisory (protocol 1.1), and success is never assumed. */
  async #conclude(flight: Flight, answer: RelayAnswer): Promise<CommandResult> {
    const { doorId, sealed } = flight;
    const { commandId, jti, replyKey } = sealed;
    const mistrust = (detail: string): ReceiptError => new ReceiptError(doorId, commandId, answer.state, detail);
    if (answer.commandId !== commandId) throw mistrust('the relay answered for another command');
    if (answer.receipt === undefined) {
      if (answer.status === 400) throw new DoorRefusedError(doorId, commandId, undefined);
      throw mistrust('the relay says the command was executed, but there is no receipt of the door');
    }
    const reading = await readReceipt(answer.receipt, { replyKey, jti, doorId });
    if (!reading.ok) throw mistrust(reading.detail);
    const { receipt } = reading;
    const result = { commandId, doorId, receipt, latencyMs: answer.latencyMs };
    if (receipt.status === 200) return { ...result, outcome: 'executed', state: receipt.state };
    // The `jti` is in the door's ring: the door has taken an envelope of this intent before.
    if (receipt.code === 'replayed') return { ...result, outcome: 'executed_earlier', state: undefined };
    throw new DoorRefusedError(doorId, commandId, receipt);
  }
}
