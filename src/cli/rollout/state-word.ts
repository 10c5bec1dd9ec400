import type { DoorUpdateState, RolloutState } from '../../operators/rollout-view.js';
import { styled, type Piece, type Style } from '../support/printer.js';

const ROLLOUT_STYLES: Readonly<Record<RolloutState, Style>> = {
  running: 'cyan',
  paused: 'yellow',
  halted: 'red',
  cancelled: 'yellow',
  completed: 'green',
};
const BAD: ReadonlySet<DoorUpdateState> = new Set(['refused', 'rolled_back', 'failed', 'timed_out']);

export const stateWord = (state: RolloutState): Piece => styled(ROLLOUT_STYLES[state], state);

export const isFailure = (state: DoorUpdateState): boolean => BAD.has(state);
