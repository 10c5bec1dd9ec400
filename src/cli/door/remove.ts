import type { Command } from 'commander';

import { addCommand, doorId, type JsonOption } from '../support/arguments.js';
import { confirm } from '../support/confirm.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

export function registerDoorRemove(parent: Command, io: Io): void {
  addCommand(parent, 'remove', 'forget a door, its key and its grants; its audit trail stays', [
    'openlock door remove front-door         # asks first',
    'openlock door remove front-door --yes   # in a script',
  ])
    .argument('<doorId>', 'the door', doorId)
    .option('--yes', 'do not ask')
    .action(async (id: string, options: JsonOption & { readonly yes?: true }) => {
      const run = new Run(io, options);
      if (options.yes !== true) await confirm(io, `Forget door ${id}, its key and its grants?`);
      await run.operator((operator) => operator.doors.remove(id));
      run.print.value({ doorId: id, done: 'remove' });
      run.print.line('Door ', id, ' is removed.');
    });
}
