import type { Act } from '../protocol/command-body.js';
import type { DoorState, EventData, EventKind } from '../protocol/door-state.js';
import type { ReceiptCode } from '../protocol/receipt.js';
import type { Trouble } from './session.js';
import type { UpdateStep } from './updates/options.js';

/** One act that was carried out. `at` in Unix ms by the door's clock. */
export interface Execution {
  readonly jti: string;
  readonly act: Act;
  readonly commandId: string;
  readonly at: number;
}

/** What a simulated door tells its owner; name -> value. */
export interface DoorSignals {
  /** Welcomed; commands may come. */
  live: { readonly epoch: number };
  /** The live connection is gone. */
  offline: undefined;
  /** An attempt failed or a connection ended; it tries again by itself. */
  trouble: Trouble;
  /** The bolt moved. */
  state: DoorState;
  event: { readonly kind: EventKind; readonly at: number; readonly data?: EventData };
  /** Every command that was judged; `code` absent for a bare 400. */
  command: { readonly commandId: string; readonly status: 200 | 400; readonly code: ReceiptCode | undefined };
  execution: Execution;
  /** An offer that came, and every update frame that was sent, `get` apart. */
  update: UpdateStep;
  /** The store failed where nobody was waiting for it. */
  fault: { readonly error: unknown };
}
