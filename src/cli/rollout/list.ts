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
      run.print.value({
        rollouts: rollouts.map(({ rolloutId, state, reason, spec, startedAt, stage, failures, started }) => {
          const { sha256, version, board } = spec;
          return {
            rolloutId,
            state,
            ...(reason !== undefined && { reason }),
            release: { sha256, version, board },
            startedAt,
            stage: stage + 1,
            stages: spec.stages.length,
            started,
            failures,
          };
        }),
      });
      if (rollouts.length === 0)
        run.print.line('No rollouts yet; this starts one: openlock rollout start <sha256|version>');
      else {
        run.print.table(
          ['ROLLOUT', 'STATE', 'VERSION', 'BOARD', 'STAGE', 'DOORS', 'FAILURES', 'STARTED'],
          rollouts.map(({ rolloutId, state, spec, stage, started, failures, startedAt }) => [
            rolloutId,
            stateWord(state),
            spec.version,
            spec.board,
            `${stage + 1}/${spec.stages.length}`,
            started,
            failures,
            iso(startedAt),
          ]),
        );
      }
    },
  );
}
