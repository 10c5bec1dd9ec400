import type { DoorState } from '../protocol/door-state.js';
import type { Receipt } from '../protocol/receipt.js';

/** A command the door has carried out, by its own word. */
export interface CommandResult {
  /**
   * `executed`: now, and the receipt says so. `executed_earlier`: the door had taken this very command before, and did not
   * do it again; the receipt says `replayed` and carries no state. So it is when an earlier attempt ran after all, or when the
   * relay delivered it twice.
   */
  readonly outcome: 'executed' | 'executed_earlier';
  readonly commandId: string;
  readonly doorId: string;
  readonly receipt: Receipt;
  /** The door's state as the receipt tells it; `undefined` when it was `executed_earlier`. */
  readonly state: DoorState | undefined;
  /** Milliseconds the relay measured; advisory. */
  readonly latencyMs: number | undefined;
}
