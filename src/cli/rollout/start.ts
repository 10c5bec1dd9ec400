import type { Command } from 'commander';

import { ROLLOUT_LIMITS } from '../../updates/rollout-service.js';
import type { Share } from '../../store/rollout-store.js';
import { addCommand, wholeNumber, type JsonOption } from '../support/arguments.js';
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
    .option(
      '--stages <list>',
      'percentages or numbers of doors, each more than the one before',
      stages,
      stages('1%,10%,50%,100%'),
    )
    .option(
      '--max-failures <n|%>',
      'past this the rollout halts by itself; a percentage is of the doors in the opened stages',
      failureLimit,
      failureLimit('5%'),
    )
    .option(
      '--soak <seconds>',
      'how long a finished stage is watched before the next one opens',
      wholeNumber(0, 30 * 86_400),
      60,
    )
    .option(
      '--door-timeout <seconds>',
      'how long a door may be silent in the middle of its update: it waits up to ten minutes for its lock to be at rest, and three for its new image',
      wholeNumber(1, 7 * 86_400),
      900,
    )
    .option(
      '--parallel <n>',
      'most doors under way at once',
      wholeNumber(1, ROLLOUT_LIMITS.parallel),
      ROLLOUT_LIMITS.defaultParallel,
    )
    .addHelpText(
      'after',
      `
Defaults: stages 1%,10%,50%,100%; at most 5% failures; a minute of soaking. A stage is at least one door, and opens only when all
doors of the one before have ended and soaked. Doors that are offline get their turn when they return. The relays carry it out; this
command only starts it. Watch it with: openlock rollout status --follow`,
    )
    .action(async (release: string, options: StartOptions) => {
      const run = new Run(io, options);
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
      const rollout = await run.operator((operator) => operator.rollouts.start(request));
      run.print.value(rollout);
      run.print.line(
        styled('green', 'started '),
        rollout.rolloutId,
        `  ${rollout.release.version} for ${rollout.release.board}, ${rollout.total} doors want it now`,
      );
      run.print.line('stages  ', rollout.stages.map(({ share, doors: count }) => `${share} = ${count}`).join(', '));
      if (rollout.total === 0)
        run.print.note(
          'No door wants it yet: none has registered with this board and an older version. The rollout waits for one.',
        );
      run.print.line('watch   ', `openlock rollout status ${rollout.rolloutId} --follow`);
    });
}
