import type { Command } from 'commander';

import { ROLLOUT_LIMITS } from '../../operators/rollouts.js';
import type { RolloutPreview, Share } from '../../operators/rollout-view.js';
import { addCommand, optionWithDefault, wholeNumber, type JsonOption } from '../support/arguments.js';
import { UsageError } from '../support/failure.js';
import type { Io } from '../support/io.js';
import { styled } from '../support/printer.js';
import { Run } from '../support/run.js';
import { doorList, failureLimit, stages } from './shares.js';

interface StartOptions extends JsonOption {
  readonly doors?: readonly string[];
  readonly board?: string;
  readonly stages: readonly Share[];
  readonly maxFailures: Share;
  readonly soak: number;
  readonly doorTimeout: number;
  readonly parallel: number;
}

export function registerRolloutStart(parent: Command, io: Io): void {
  addCommand(parent, 'start', 'start bringing a published release to the doors, stage by stage', [
    'openlock rollout start 1.2.0',
    'openlock rollout start 1.2.0 --doors lab-door,back-door --stages 1,100% --soak 600',
    'openlock rollout start 9f86d081884c7d65… --max-failures 2',
  ])
    .argument(
      '<release>',
      'SHA-256 of the image (or its beginning), or version, as `openlock firmware list` shows them',
    )
    .option(
      '--doors <list>',
      'only these doors, separated by commas (default: every door of the release’s board)',
      doorList,
    )
    .option('--board <board>', 'which release, where several have this version')
    .addOption(
      optionWithDefault(
        '--stages <list>',
        'percentages or numbers of doors, each more than the one before',
        stages,
        '1%,10%,50%,100%',
      ),
    )
    .addOption(
      optionWithDefault(
        '--max-failures <n|%>',
        'past this the rollout halts by itself; a percentage is of the doors in the opened stages, and takes two failed doors at least',
        failureLimit,
        '5%',
      ),
    )
    .option(
      '--soak <seconds>',
      'how long a finished stage is watched before the next one opens',
      wholeNumber('--soak', 0, 30 * 86_400),
      60,
    )
    .option(
      '--door-timeout <seconds>',
      'how long a door may be silent in the middle of its update: it waits up to ten minutes for its lock to be at rest, and three for its new image',
      wholeNumber('--door-timeout', 1, 7 * 86_400),
      900,
    )
    .option(
      '--parallel <n>',
      'most doors under way at once',
      wholeNumber('--parallel', 1, ROLLOUT_LIMITS.parallel),
      ROLLOUT_LIMITS.defaultParallel,
    )
    .addHelpText(
      'after',
      `
A stage is at least one door, and opens only when all doors of the one before
have ended and soaked. Doors that are offline get their turn when they return.
The relays carry it out; this command only starts it. Watch it with:
openlock rollout status --follow`,
    )
    .action((release: string, options: StartOptions) => start(new Run(io, options), release, options));
}

async function start(run: Run, release: string, options: StartOptions): Promise<void> {
  const { doors, board, soak, doorTimeout, ...rest } = options;
  if (doors !== undefined && board !== undefined) throw new UsageError('Give --doors or --board, not both.');
  const request = {
    release,
    board,
    doors,
    stages: rest.stages,
    maxFailures: rest.maxFailures,
    soakMs: soak * 1000,
    doorTimeoutMs: doorTimeout * 1000,
    parallel: rest.parallel,
  };
  const rollout = await run.operator(async ({ rollouts }) => {
    const preview = await rollouts.preview(request);
    if (preview.wanting === 0) run.print.note(styled('yellow', nobody(preview)));
    return rollouts.start(request);
  });
  run.print.value(rollout);
  run.print.line(
    styled('green', 'started '),
    rollout.rolloutId,
    `  ${rollout.release.version} for ${rollout.release.board}, `,
    rollout.total === 0 ? 'waiting for a door that needs it' : `${rollout.total} doors want it now`,
  );
  run.print.line('stages  ', rollout.stages.map(({ share, doors: count }) => `${share} = ${count}`).join(', '));
  run.print.line('watch   ', `openlock rollout status ${rollout.rolloutId} --follow`);
}

/** Said before it is started, because it may not be what was meant. */
function nobody({ release: { version, board }, meant, current }: RolloutPreview): string {
  if (meant === 0) return `No door that is meant has registered with board ${board}; nobody needs ${version}.`;
  const others = meant === current ? '' : ', and the others cannot take it';
  return `Nobody needs ${version}: of ${meant} doors with board ${board}, ${current} run it already${others}.`;
}
