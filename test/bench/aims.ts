/** What the figures are to be, and whether a run reached it. */
import type { Parts } from './bench.js';
import type { LaneId } from './lanes.js';
import type { LaneResult } from './measures/comparison.js';
import { ratiosOf, spreadOf, type Spread } from './stats.js';

export interface Verdict {
  readonly what: string;
  readonly value: Spread;
  readonly aim: number;
  readonly better: 'more' | 'less';
  readonly reached: boolean;
}

export const ratesOf = (lane: LaneResult): number[] => lane.rounds.map(({ saturated }) => saturated.perSecond);

const cpuOf = (lane: LaneResult, of: (cpu: LaneResult['rounds'][number]['saturated']['cpu']) => number): number[] =>
  lane.rounds.map(({ saturated }) => of(saturated.cpu));
const moderateP99Of = (lane: LaneResult): number[] => lane.rounds.map(({ moderate }) => moderate.p99Ms);
const single = (value: number): Spread => ({ median: value, min: value, max: value });

function verdict(what: string, better: Verdict['better'], aim: number, value: Spread): Verdict {
  const reached = better === 'more' ? value.median >= aim : value.median <= aim;
  return { what, value, aim, better, reached };
}

/** The aims of whatever was measured. */
export function judge(parts: Parts): readonly Verdict[] {
  return [...ofLanes(parts.lanes ?? []), ...ofParts(parts)];
}

function ofLanes(lanes: readonly LaneResult[]): readonly Verdict[] {
  /** Nothing where a lane was not run. */
  const compare = (
    above: LaneId,
    below: LaneId,
    what: string,
    better: Verdict['better'],
    aim: number,
    values: (lane: LaneResult) => number[],
  ): readonly Verdict[] => {
    const [upper, lower] = [above, below].map((id) => lanes.find(({ lane }) => lane.id === id));
    if (upper === undefined || lower === undefined) return [];
    return [verdict(`${what}: ${above} / ${below}`, better, aim, ratiosOf(values(upper), values(lower)))];
  };
  const always = lanes.find(({ lane }) => lane.id === 'b-always');
  return [
    ...compare('b-always', 'a', 'rate of raw ws', 'more', 0.45, ratesOf),
    ...compare('b-everysec', 'a', 'rate of raw ws', 'more', 0.45, ratesOf),
    ...compare('b-always', 'e', 'rate of socket.io unchecked', 'more', 1.2, ratesOf),
    ...compare('b-everysec', 'e', 'rate of socket.io unchecked', 'more', 1.2, ratesOf),
    ...compare('d', 'c', 'rate of bare Express', 'more', 1.5, ratesOf),
    ...(always === undefined
      ? []
      : [
          verdict('relay, CPU us a command: b-always', 'less', 60, spreadOf(cpuOf(always, ({ relay }) => relay))),
          verdict('Redis, CPU us a command: b-always', 'less', 30, spreadOf(cpuOf(always, ({ redis }) => redis))),
        ]),
    ...compare('b-other', 'b-always', 'CPU of relays and Redis, through another relay', 'less', 1.5, (lane) =>
      cpuOf(lane, ({ relay, redis }) => relay + redis),
    ),
    ...compare('b-always', 'a', 'p99 at a moderate rate, of raw ws', 'less', 1.5, moderateP99Of),
  ];
}

function ofParts({ memory, fleets = [], keepAlives, processes, overload, restart, rollout, flood }: Parts): Verdict[] {
  const verdicts = fleets.map(({ doors, ofRaw }) =>
    verdict(`rate at ${doors} doors, of raw ws at the same size`, 'more', 0.45, ofRaw),
  );
  if (memory !== undefined) verdicts.push(verdict('memory a TLS door, of bare', 'less', 1.05, memory.ratio));
  if (keepAlives !== undefined)
    verdicts.push(verdict('a keep-alive pair, CPU us', 'less', 40, keepAlives.openlockMicros));
  if (processes !== undefined) {
    const ratio = processes.projectedTwo / processes.projectedOne;
    verdicts.push(verdict('two processes against one, projected from CPU time', 'more', 1.9, single(ratio)));
  }
  const full = overload?.steps.at(-1);
  if (overload !== undefined && full !== undefined) {
    const kept = full.goodPerSecond / overload.capacityPerSecond;
    verdicts.push(
      verdict(`goodput at ${full.times} times capacity, of capacity`, 'more', 0.7, single(kept)),
      verdict(`p99 at ${full.times} times capacity, ms (deadline 5000)`, 'less', 2500, single(full.p99Ms)),
    );
  }
  for (const { how, backMs } of restart?.returns.slice(0, 3) ?? [])
    verdicts.push(verdict(`restart, s until all are back: ${how}`, 'less', 30, single(backMs / 1000)));
  if (rollout !== undefined)
    verdicts.push(
      verdict('rollout, p99 to other doors during against before', 'less', 1.5, single(rollout.others.p99Ratio)),
      verdict('rollout, p99 to updated doors during against before', 'less', 1.5, single(rollout.updated.p99Ratio)),
    );
  if (flood !== undefined) verdicts.push(verdict('flood, p50 flooded against quiet', 'less', 2, flood.ratio));
  return verdicts;
}
