/** What issue 2 asks of the lanes ("Speed"), and whether a run reached it. */
import type { LaneId } from './lanes.js';
import type { LaneResult } from './measures/comparison.js';
import { ratiosOf, type Spread } from './stats.js';

interface Aim {
  readonly above: LaneId;
  readonly below: LaneId;
  readonly least: number;
}

const AIMS: readonly Aim[] = [
  { above: 'b-always', below: 'a', least: 0.35 },
  { above: 'b-everysec', below: 'a', least: 0.5 },
  { above: 'b-always', below: 'e', least: 1 },
  { above: 'b-everysec', below: 'e', least: 1 },
  { above: 'd', below: 'c', least: 1 },
];

export interface AimResult extends Aim {
  /** Of the rates, round by round. */
  readonly ratio: Spread;
  readonly reached: boolean;
}

export const ratesOf = (lane: LaneResult): number[] => lane.rounds.map(({ saturated }) => saturated.perSecond);

/** The aims both of whose lanes were run. */
export function judge(lanes: readonly LaneResult[]): readonly AimResult[] {
  return AIMS.flatMap((aim) => {
    const [upper, lower] = [aim.above, aim.below].map((id) => lanes.find(({ lane }) => lane.id === id));
    if (upper === undefined || lower === undefined) return [];
    const ratio = ratiosOf(ratesOf(upper), ratesOf(lower));
    return [{ ...aim, ratio, reached: ratio.median >= aim.least }];
  });
}
