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
 * The outcome of a command is not known, or the command certainly did not reach the door in time. Code `door_timeout`.
 * `state` is the relay's last word (protocol 6.7): `expired` means certainly not sent; `pending`, `claimed`,
 * `indeterminate` and `unknown` mean that the door may have acted, or still may.
 */
export class TimeoutError extends OpenLockError {
  override readonly name = 'TimeoutError';
  readonly #askAgain: () => Promise<CommandResult>;

  constructor(
    readonly doorId: string,
    readonly commandId: string,
    /** A state of protocol 6.7, or `unknown` when the relay could not be asked or does not know the command. */
    readonly state: string,
    cause: unknown,
    askAgain: () => Promise<CommandResult>,
  ) {
    super(
      'door_timeout',
      state === 'expired'
        ? 'the command expired before it was sent to the door'
        : `the outcome of the command is not known (${state})`,
      {
        commandId,
        state,
        cause,
      },
    );
    this.#askAgain = askAgain;
  }

  /** True when the door certainly never got the command, and never will. */
  get certainlyNotSent(): boolean {
    return this.state === 'expired';
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

/** No usable answer from the relay: the network, a time-out, or a connection that ended. Code `internal`. */
export class UnreachableError extends OpenLockError {
  override readonly name = 'UnreachableError';

  constructor(
    detail: string,
    /** False when nothing was handed to the network, so that the request certainly had no effect. */
    readonly sent: boolean,
    cause?: unknown,
  ) {
    super('internal', detail, { cause });
  }
}
