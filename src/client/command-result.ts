import type { DoorState } from '../protocol/door-state.js';
import type { Receipt } from '../protocol/receipt.js';

/** A command the door has carried out, by its own word. */
export interface CommandResult {
  readonly commandId: string;
  readonly doorId: string;
  readonly receipt: Receipt;
  /** The door's state as the receipt tells it. */
  readonly state: DoorState | undefined;
  /** Milliseconds the relay measured; advisory. */
  readonly latencyMs: number | undefined;
}
