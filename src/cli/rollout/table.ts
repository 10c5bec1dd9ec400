/** A rollout drawn for people: a bar for each stage, what is under way, and the last failures. */
import {
  DOOR_UPDATE_STATES,
  type DoorUpdateState,
  type DoorView,
  type RolloutView,
  type StageView,
} from '../../operators/rollout-view.js';
import { cropTo } from '../support/layout.js';
import { styled, type Piece, type Printer, type Style } from '../support/printer.js';
import { ago } from '../support/times.js';
import { isFailure, stateWord } from './state-word.js';

const UNDER_WAY: readonly DoorUpdateState[] = ['offered', 'downloading', 'verified', 'rebooting'];
const FAILURES_SHOWN = 5;
const UNDER_WAY_SHOWN = 8;
const BAR_WIDTH = 30;

/** Lines of the whole table. `columns`: what fits; longer lines would break the redrawing. */
export function rolloutLines(
  view: RolloutView,
  columns: number,
  now: number = Date.now(),
): readonly (readonly Piece[])[] {
  const { release, counts } = view;
  const failures = view.doors.filter((door) => isFailure(door.state)).sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
  const underWay = view.doors.filter(({ state }) => UNDER_WAY.includes(state));
  const limit = `${view.failures} of at most ${view.maxFailures}`;
  const lines: (readonly Piece[])[] = [
    [
      styled('bold', view.rolloutId),
      '  ',
      stateWord(view.state),
      `  ${release.version} for ${release.board}, started ${ago(view.startedAt, now)}`,
    ],
    ...(view.reason === undefined
      ? []
      : [[styled(view.state === 'halted' ? 'red' : 'yellow', `because ${view.reason}`)]]),
    ...(view.total === 0 ? [[styled('yellow', noDoorLine(view))]] : []),
    ...view.stages.map((stage, index) => stageLine(stage, view.stages[index - 1]?.doors ?? 0)),
    [
      DOOR_UPDATE_STATES.filter((state) => counts[state] > 0)
        .map((state) => `${counts[state]} ${state}`)
        .join(', ') || 'no doors',
      `   failures ${limit}`,
    ],
    ...underWay.slice(0, UNDER_WAY_SHOWN).map(doorLine),
    ...(underWay.length > UNDER_WAY_SHOWN
      ? [[styled('dim', `  and ${underWay.length - UNDER_WAY_SHOWN} more under way`)]]
      : []),
    ...(failures.length === 0 ? [] : [[styled('dim', 'last failures')]]),
    ...failures
      .slice(0, FAILURES_SHOWN)
      .map((door) => [
        '  ',
        door.doorId,
        '  ',
        styled('red', door.state),
        door.code === undefined ? '' : `  ${door.code}`,
        styled('dim', `  ${ago(door.at, now)}`),
      ]),
  ];
  return lines.map((line) => cropTo(line, columns - 1));
}

export function printRollout(print: Printer, view: RolloutView): void {
  for (const line of rolloutLines(view, print.interactive ? print.columns : 200)) print.line(...line);
}

/** `stage 2  10%   [####!!--....]  6/10  open`: of the doors this stage adds, those confirmed, failed, under way, and to come. */
function stageLine({ stage, share, doors, state, counts }: StageView, before: number): readonly Piece[] {
  const own = Math.max(0, doors - before);
  const sum = (states: readonly DoorUpdateState[]): number =>
    states.reduce((total, each) => total + (counts[each] ?? 0), 0);
  const [good, bad, busy] = [counts.confirmed ?? 0, sum(DOOR_UPDATE_STATES.filter(isFailure)), sum(UNDER_WAY)];
  const at = (count: number): number =>
    own === 0 ? (state === 'done' ? BAR_WIDTH : 0) : Math.min(BAR_WIDTH, Math.round((count * BAR_WIDTH) / own));
  const part = (style: Style, sign: string, from: number, to: number): readonly Piece[] =>
    to > from ? [styled(style, sign.repeat(to - from))] : [];
  const ends = [at(good), at(good + bad), at(good + bad + busy)] as const;
  const bar = [
    ...part('green', '#', 0, ends[0]),
    ...part('red', '!', ends[0], ends[1]),
    ...part('cyan', '-', ends[1], ends[2]),
    ...part('dim', '.', ends[2], BAR_WIDTH),
  ];
  return [
    `stage ${stage}  ${share.padEnd(5)} [`,
    ...bar,
    `] ${String(good + bad).padStart(4)}/${own}  `,
    styled(state === 'done' ? 'green' : state === 'waiting' ? 'dim' : 'cyan', state),
  ];
}

function doorLine({ doorId, state, percent, online }: DoorView): readonly Piece[] {
  return [
    '  ',
    doorId,
    '  ',
    state,
    state === 'downloading' ? ` ${percent ?? 0}%` : '',
    online ? '' : styled('yellow', '  offline'),
  ];
}

/** `No door needs this release: 3 run it already. It waits for one.` */
export function noDoorLine({ state, counts }: Pick<RolloutView, 'state' | 'counts'>): string {
  const why = counts.confirmed > 0 ? `${counts.confirmed} run it already` : 'none has registered with an older version';
  return `No door needs this release: ${why}.${state === 'running' ? ' It waits for one.' : ''}`;
}
