import type { Command } from 'commander';

import { sleep, systemClock } from '../../clock.js';
import type { DoorView, RolloutView } from '../../operators/rollout-view.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import { CommandFailure } from '../support/failure.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';
import { printRollout, rolloutLines } from './table.js';

interface StatusOptions extends JsonOption {
  readonly follow?: true;
}

const LOOK_MS = 500;
/** A look at thousands of doors costs the store time: at most a tenth of it. */
const REST_PER_LOOK = 9;

export function registerRolloutStatus(parent: Command, io: Io): void {
  addCommand(parent, 'status', 'how far a rollout is: stages, doors, the last failures', [
    'openlock rollout status',
    'openlock rollout status --follow',
    'openlock rollout status r-0123456789 --json | jq .counts',
  ])
    .argument('[rollout]', 'its id (default: the newest)')
    .option('--follow', 'stay until it has ended: a live table on a terminal, otherwise a line for each change')
    .addHelpText(
      'after',
      '\nWith --follow the exit code says how it ended: 0 completed, 1 halted or cancelled. With --json it prints one JSON value a change.',
    )
    .action(async (named: string | undefined, options: StatusOptions) => {
      const run = new Run(io, options);
      if (options.follow === true) return follow(run, named);
      const view = await run.operator(async ({ rollouts }) => rollouts.status(named ?? (await rollouts.choose([]))));
      run.print.value(view);
      printRollout(run.print, view);
    });
}

/** Shows the rollout until it has ended or a signal comes. Throws `rollout_halted`, `rollout_cancelled`. */
async function follow(run: Run, named: string | undefined): Promise<void> {
  const stop = run.io.stopSignal();
  const last = await run.operator(async ({ rollouts }) => {
    const rolloutId = named ?? (await rollouts.choose([]));
    const show = run.print.interactive ? liveTable(run) : changes(run);
    for (;;) {
      const began = performance.now();
      const view = await rollouts.status(rolloutId);
      const lookMs = performance.now() - began;
      show(view);
      if (stop.aborted || hasEnded(view)) return view;
      await sleep(systemClock, Math.max(LOOK_MS, lookMs * REST_PER_LOOK), stop);
    }
  });
  if (last.state === 'halted' || last.state === 'cancelled') {
    const why = last.reason === undefined ? '' : `: ${last.reason}`;
    const next =
      last.state === 'halted'
        ? ` When the cause is known: openlock rollout resume ${last.rolloutId}, or cancel it.`
        : '';
    throw new CommandFailure(`rollout_${last.state}`, `Rollout ${last.rolloutId} was ${last.state}${why}.${next}`);
  }
}

/** Also after a halt doors may be on their way: those that had the whole image restart by themselves. */
function hasEnded({ state, counts }: RolloutView): boolean {
  const underWay = counts.offered + counts.downloading + counts.verified + counts.rebooting;
  return state !== 'running' && state !== 'paused' && underWay === 0;
}

/** Draws over what it drew before. */
function liveTable(run: Run): (view: RolloutView) => void {
  let drawn = 0;
  return (view) => {
    const lines = rolloutLines(view, run.print.columns);
    if (drawn > 0) run.io.stdout.write(`\u001b[${drawn}A\u001b[J`);
    for (const line of lines) run.print.line(...line);
    drawn = lines.length;
  };
}

/** One line for each thing that is no longer as it was. */
function changes(run: Run): (view: RolloutView) => void {
  let before: RolloutView | undefined;
  return (view) => {
    const changed = before === undefined || fingerprint(before) !== fingerprint(view);
    if (changed) run.print.value(view);
    if (before === undefined) printRollout(run.print, view);
    else tellChanges(run, before, view);
    before = view;
  };
}

/** What counts as a change: not the time, not the bytes. */
function fingerprint({ state, reason, stages, doors }: RolloutView): string {
  return JSON.stringify([
    state,
    reason,
    stages,
    doors.map(({ doorId, state: doorState, code }) => [doorId, doorState, code]),
  ]);
}

function tellChanges({ print }: Run, before: RolloutView, now: RolloutView): void {
  const known = new Map(before.doors.map((door) => [door.doorId, door]));
  for (const door of now.doors) {
    const old = known.get(door.doorId);
    if (old?.state !== door.state || old.code !== door.code)
      print.line(stamp(door), door.doorId, `  ${door.state}`, door.code === undefined ? '' : ` ${door.code}`);
  }
  now.stages.forEach((stage, index) => {
    if (before.stages[index]?.state !== stage.state)
      print.line(stamp({}), `stage ${stage.stage} (${stage.share}, ${stage.doors} doors)  ${stage.state}`);
  });
  if (before.state !== now.state)
    print.line(stamp({}), `rollout  ${now.state}`, now.reason === undefined ? '' : `: ${now.reason}`);
}

function stamp({ at }: Pick<DoorView, 'at'>): string {
  return `${new Date(at ?? Date.now()).toISOString()}  `;
}
