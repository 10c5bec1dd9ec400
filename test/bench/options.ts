/** The benchmark's command line. */
import { parseArgs } from 'node:util';

import { LANES, type LaneId } from './lanes.js';
import { FULL, QUICK, type Sizes } from './sizes.js';

export const PARTS = [
  'lanes',
  'store',
  'memory',
  'fleets',
  'keepalives',
  'processes',
  'overload',
  'restart',
  'rollout',
  'flood',
] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly sizes: Sizes;
  readonly lanes: readonly LaneId[];
  readonly parts: readonly Part[];
  /** Runs the relay from src/ instead of dist/. */
  readonly fromSource: boolean;
  /** CPU profiles of our relays are written next to the JSON file; the figures are lower then. */
  readonly profile: boolean;
  /** Where the JSON file goes. */
  readonly resultsDir: string;
}

export const USAGE = `usage: npm run bench -- [options]
  --quick           a minute or two; figures that mean little
  --lanes <list>    of a,b,c,d,e (default: all); b is both settings of the append-only file, and doors at another relay
  --rounds <n>      interleaved rounds of the lanes (default: ${FULL.rounds})
  --parts <list>    of ${PARTS.join(',')} (default: all)
  --source          runs the relay from src/ instead of dist/
  --profile         writes CPU profiles of OpenLock's relays; the figures are lower then
  --help            prints this`;

export class UsageError extends Error {}

/** `undefined` when help was asked for. Throws {@link UsageError}. */
export function parseOptions(args: readonly string[], resultsDir: string): Options | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const base = values.quick === true ? QUICK : FULL;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new UsageError('--rounds takes a whole number from 1 to 100');
  const lanes = listOf(values.lanes, ['a', 'b', 'c', 'd', 'e'] as const, '--lanes');
  return {
    sizes: { ...base, rounds },
    lanes: LANES.filter((lane) => lanes.some((letter) => lane.id.startsWith(letter))).map((lane) => lane.id),
    parts: listOf(values.parts, PARTS, '--parts'),
    fromSource: values.source === true,
    profile: values.profile === true,
    resultsDir,
  };
}

function parse(args: readonly string[]): {
  quick?: boolean;
  lanes?: string;
  rounds?: string;
  parts?: string;
  source?: boolean;
  profile?: boolean;
  help?: boolean;
} {
  try {
    const options = {
      quick: { type: 'boolean' },
      lanes: { type: 'string' },
      rounds: { type: 'string' },
      parts: { type: 'string' },
      source: { type: 'boolean' },
      profile: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function listOf<T extends string>(text: string | undefined, known: readonly T[], flag: string): readonly T[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !known.some((candidate) => candidate === name));
  if (unknown !== undefined) throw new UsageError(`${flag} takes a list of ${known.join(',')}, not "${unknown}"`);
  return known.filter((name) => names.includes(name));
}
