import type { Command } from 'commander';

import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';
import { iso } from '../support/times.js';
import { stateWord } from './state-word.js';

export function registerRolloutList(parent: Command, io: Io): void {
  addCommand(parent, 'list', 'all rollouts, the newest first', ['openlock rollout list']).action(
    async (options: JsonOption) => {
      const run = new Run(io, options);
      const rollouts = await run.operator((operator) => operator.rollouts.list());
      run.print.value({ rollouts });
      if (rollouts.length === 0)
        run.print.line('No rollouts yet; this starts one: openlock rollout start <sha256|version>');
      else {
        run.print.table(
          ['ROLLOUT', 'STATE', 'VERSION', 'BOARD', 'STAGE', 'DOORS', 'FAILURES', 'STARTED'],
          rollouts.map(({ rolloutId, state, release, stage, stages, started, failures, startedAt }) => [
            rolloutId,
            stateWord(state),
            release.version,
            release.board,
            `${stage}/${stages}`,
            started,
            failures,
            iso(startedAt).slice(0, 16).replace('T', ' '),
          ]),
        );
      }
    },
  );
}
