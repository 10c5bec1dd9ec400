import type { Command } from 'commander';

import type { RolloutState } from '../../operators/rollout-view.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

interface Switch {
  readonly name: 'pause' | 'resume' | 'cancel';
  readonly description: string;
  /** States of the rollouts that can be meant where none is named. */
  readonly from: readonly RolloutState[];
  readonly done: string;
}

const SWITCHES: readonly Switch[] = [
  {
    name: 'pause',
    description: 'give no further door its turn; downloads under way go on',
    from: ['running'],
    done: 'paused: no further door gets its turn',
  },
  {
    name: 'resume',
    description: 'go on after a pause or a halt; after a halt, failures are counted anew',
    from: ['paused', 'halted'],
    done: 'running again',
  },
  {
    name: 'cancel',
    description: 'end it; downloads under way are stopped, doors that have verified the image go on',
    from: ['running', 'paused', 'halted'],
    done: 'cancelled: doors that have the new image keep it',
  },
];

export function registerRolloutSwitches(parent: Command, io: Io): void {
  for (const { name, description, from, done } of SWITCHES) {
    addCommand(parent, name, description, [`openlock rollout ${name}`, `openlock rollout ${name} r-0123456789`])
      .argument('[rollout]', 'its id (default: the only one that can be meant)')
      .action(async (named: string | undefined, options: JsonOption) => {
        const run = new Run(io, options);
        const view = await run.operator(async ({ rollouts }) => {
          const rolloutId = named ?? (await rollouts.choose(from));
          await rollouts[name](rolloutId);
          return rollouts.status(rolloutId);
        });
        run.print.value(view);
        run.print.line(view.rolloutId, `  ${done}`);
      });
  }
}
