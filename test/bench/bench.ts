/** The whole benchmark: each part in turn, on one stage. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { judge, type Verdict } from './aims.js';
import { hireCrew, type Crew } from './crew.js';
import { describeMachine, type Machine } from './machine.js';
import { compareLanes, type LaneResult, type Say } from './measures/comparison.js';
import { measureFlood, type FloodResult } from './measures/flood.js';
import { measureFleets, type FleetResult } from './measures/fleets.js';
import { measureKeepAlives, type KeepAliveResult } from './measures/keep-alives.js';
import { measureMemory, type MemoryResult } from './measures/memory.js';
import { measureOverload, type OverloadResult } from './measures/overload.js';
import { measureProcesses, type ProcessesResult } from './measures/processes.js';
import { measureRestart, type RestartResult } from './measures/restart.js';
import { measureRollout, type RolloutResult } from './measures/rollout.js';
import { measureStoreCost, type StoreCost } from './measures/store-cost.js';
import type { Options, Part } from './options.js';
import type { Sizes } from './sizes.js';
import { RAISED_LIMITS, Stage } from './stage.js';

export interface BenchResult {
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly sizes: Sizes;
  readonly raisedLimits: Readonly<Record<string, string>>;
  /** The relay ran from dist/ (what is shipped) or from src/. */
  readonly code: 'compiled' | 'source';
  readonly lanes?: readonly LaneResult[];
  /** Of the parts that were measured. */
  readonly aims: readonly Verdict[];
  readonly store?: readonly StoreCost[];
  readonly memory?: MemoryResult;
  readonly fleets?: readonly FleetResult[];
  readonly keepAlives?: KeepAliveResult;
  readonly processes?: ProcessesResult;
  readonly overload?: OverloadResult;
  readonly restart?: RestartResult;
  readonly rollout?: RolloutResult;
  readonly flood?: FloodResult;
  /** Parts that could not be measured, and why. */
  readonly failures: readonly string[];
}

/** What was measured. */
export type Parts = Pick<
  BenchResult,
  'lanes' | 'store' | 'memory' | 'fleets' | 'keepAlives' | 'processes' | 'overload' | 'restart' | 'rollout' | 'flood'
>;

export interface BenchRun {
  readonly result: BenchResult;
  /** Path of the JSON file. */
  readonly file: string;
}

/** Sockets of the largest relay, and some for everything else. */
const SPARE_FILES = 500;

export async function runBench(options: Options, say: Say): Promise<BenchRun> {
  const started = new Date();
  const stage = await Stage.set(options);
  try {
    const machine = describeMachine(stage.dir);
    const sizes = withinFiles(options.sizes, machine.filesLimit, say);
    const parts = await runParts(hireCrew(stage), { ...options, sizes }, say);
    const result: BenchResult = {
      startedAt: started.toISOString(),
      seconds: (Date.now() - started.getTime()) / 1000,
      machine,
      sizes,
      raisedLimits: RAISED_LIMITS,
      code: stage.compiled ? 'compiled' : 'source',
      ...parts,
      aims: judge(parts),
    };
    return { result, file: save(options.resultsDir, result) };
  } finally {
    await stage.strike();
  }
}

async function runParts(
  crew: Crew,
  { sizes, lanes, parts }: Options,
  say: Say,
): Promise<Parts & Pick<BenchResult, 'failures'>> {
  const failures: string[] = [];
  const measure = async <T>(part: Part, work: () => Promise<T>): Promise<T | undefined> => {
    if (!parts.includes(part)) return undefined;
    const started = performance.now();
    const { mark } = crew.stage;
    say(`${part} …`);
    try {
      const value = await work();
      say(`${part} took ${((performance.now() - started) / 1000).toFixed(0)} s`);
      return value;
    } catch (error) {
      // Minutes of other figures must not be lost with one part; the run still ends as failed.
      failures.push(`${part}: ${error instanceof Error ? error.message : String(error)}`);
      say(`${part} FAILED: ${failures.at(-1)}`);
      // What it had running would disturb the parts that follow.
      await crew.stage.release(mark);
      return undefined;
    }
  };
  const comparison = await measure('lanes', () => compareLanes(crew, sizes, lanes, say));
  const store = await measure('store', () => measureStoreCost(crew, sizes));
  const memory = await measure('memory', () => measureMemory(crew, sizes));
  const fleets = await measure('fleets', () => measureFleets(crew, sizes, say));
  const keepAlives = await measure('keepalives', () => measureKeepAlives(crew, sizes));
  const processes = await measure('processes', () => measureProcesses(crew, sizes));
  const overload = await measure('overload', () => measureOverload(crew, sizes, say));
  const restart = await measure('restart', () => measureRestart(crew, sizes, say));
  const rollout = await measure('rollout', () => measureRollout(crew, sizes, say));
  const flood = await measure('flood', () => measureFlood(crew, sizes));
  return {
    ...(comparison !== undefined && { lanes: comparison }),
    ...(store !== undefined && { store }),
    ...(memory !== undefined && { memory }),
    ...(fleets !== undefined && { fleets }),
    ...(keepAlives !== undefined && { keepAlives }),
    ...(processes !== undefined && { processes }),
    ...(overload !== undefined && { overload }),
    ...(restart !== undefined && { restart }),
    ...(rollout !== undefined && { rollout }),
    ...(flood !== undefined && { flood }),
    failures,
  };
}

/** A machine that allows fewer open files gets smaller fleets, and is told. */
function withinFiles(sizes: Sizes, filesLimit: number, say: Say): Sizes {
  const most = filesLimit - SPARE_FILES;
  const [few, many] = sizes.memoryDoors;
  // The doors' two processes have half of a fleet each, of ours and of the relay it is compared with; one relay has one whole.
  if (Math.max(...sizes.fleets, many, sizes.restartDoors) <= most) return sizes;
  say(`a process may have ${filesLimit} files open here: fleets are cut to ${most} doors (raise it with ulimit -n)`);
  return {
    ...sizes,
    fleets: sizes.fleets.map((count) => Math.min(count, most)),
    memoryDoors: [Math.min(few, most >> 1), Math.min(many, most)],
    restartDoors: Math.min(sizes.restartDoors, most),
  };
}

function save(dir: string, result: BenchResult): string {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${result.startedAt.replace(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  return file;
}
