import { OpenLockError } from '../protocol/problem.js';
import type { Receipt, ReceiptCode } from '../protocol/receipt.js';
import type { CommandResult } from './command-result.js';

/**
 * Errors of the SDK: one family, {@link OpenLockError}, whose `code` is one of protocol 9. The subclasses below carry
 * what a site needs to act on; a caller branches on the class or the code, never on the message.
 */

/** The relay serves, or says the door has, another key than the pinned one (protocol 1.2). Code `wrong_key`. Never retried by the SDK. */
export class KeyChangedError extends OpenLockError {
  override readonly name = 'KeyChangedError';

  constructor(
    readonly doorId: string,
    readonly pinnedKid: string,
    /** What the relay serves now, to be compared with the label on the door; `undefined` when it could not be read. */
    readonly servedKid: string | undefined,
  ) {
    super(
      'wrong_key',
      `the key of door ${doorId} is not the pinned one; compare the key id on the door before pinning another`,
    );
  }
}

/** The door said no (protocol 7.3). Code `door_refused`. */
export class DoorRefusedError extends OpenLockError {
  override readonly name = 'DoorRefusedError';

  constructor(
    readonly doorId: string,
    readonly commandId: string,
    /** The door's own, verified word; `undefined` when it could not, or the relay did not, hand one over: then only the relay says so. */
    readonly receipt: Receipt | undefined,
  ) {
    super(
      'door_refused',
      receipt === undefined
        ? 'the door refused the command without a receipt'
        : `the door refused the command: ${receipt.code}`,
      {
        commandId,
        state: 'refused',
        doorStatus: 400,
      },
    );
  }

  /** Why, in the codes of protocol 6.4; `undefined` without a receipt. */
  get receiptCode(): ReceiptCode | undefined {
    return this.receipt?.code;
  }
}

/**
 * The outcome of a command is not known. Code `door_timeout`. `state` is the relay's last word (protocol 6.7), and only its
 * word: `expired` means, from an honest relay, certainly not sent; `pending`, `claimed`, `indeterminate` and `unknown`
 * mean that the door may have acted, or still may. Whoever tries again hands {@link intent} in: then the door itself
 * holds the command to once, whatever the relay did.
 */
export class TimeoutError extends OpenLockError {
  override readonly name = 'TimeoutError';
  readonly #askAgain: () => Promise<CommandResult>;

  constructor(
    readonly doorId: string,
    readonly commandId: string,
    /** A state of protocol 6.7, or `unknown` when the relay could not be asked or does not know the command. */
    readonly state: string,
    /** For `CommandOptions.intent`: the same command again, which the door runs once at most. */
    readonly intent: string,
    cause: unknown,
    askAgain: () => Promise<CommandResult>,
  ) {
    super(
      'door_timeout',
      state === 'expired'
        ? 'the command expired before it was sent to the door, says the relay'
        : `the outcome of the command is not known (${state})`,
      {
        commandId,
        state,
        cause,
      },
    );
    this.#askAgain = askAgain;
  }

  /**
   * Asks the relay once more what became of the command (a receipt is kept for 60 s); sends nothing to the door. Resolves
   * or rejects as the command itself would have.
   */
  askAgain(): Promise<CommandResult> {
    return this.#askAgain();
  }
}

/** What came back is no receipt of this door for this command: success is not assumed. Code `invalid_envelope`. */
export class ReceiptError extends OpenLockError {
  override readonly name = 'ReceiptError';

  constructor(
    readonly doorId: string,
    readonly commandId: string,
    /** What the relay says of the command; nobody vouches for it. */
    readonly state: string,
    detail: string,
  ) {
    super('invalid_envelope', detail, { commandId, state });
  }
}

/**
 * Why there is no usable answer, in codes of the SDK's own:
 * `relay_absent`: nobody listens there, or there is no such name; `certificate_untrusted`: somebody answers, whose
 * certificate this machine does not trust; `origin_blocked`: the relay answers, but not to this page's origin;
 * `network`: the connection failed and the platform does not say how; `timeout`; `closed`: the connection ended, or was
 * closed from this side; `bad_answer`: not the answer of an OpenLock relay; `too_large`: more than the SDK reads.
 */
export type UnreachableReason =
  | 'relay_absent'
  | 'certificate_untrusted'
  | 'origin_blocked'
  | 'network'
  | 'timeout'
  | 'closed'
  | 'bad_answer'
  | 'too_large';

/** No usable answer from the relay. Code `internal`; `reason` says why, `cause` is what the platform threw. */
export class UnreachableError extends OpenLockError {
  override readonly name = 'UnreachableError';

  constructor(
    readonly reason: UnreachableReason,
    detail: string,
    /** False when nothing of the request was handed to a relay, so that it certainly had no effect. */
    readonly sent: boolean,
    cause?: unknown,
  ) {
    super('internal', detail, { cause });
  }
}
