import type { Command } from 'commander';

import { addCommand, kid, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { Run } from './support/run.js';

/** `openlock key ban|unban`: a door key that must not be used any more, wherever it turns up. */
export function registerKey(program: Command, io: Io): void {
  const key = program.command('key').description('ban and unban door keys');

  addCommand(
    key,
    'ban',
    'refuse a door key fleet-wide: its doors are disconnected, commands to it refused (key_banned)',
    ['openlock key ban "$(openlock door show front-door --json | jq -r .kid)"'],
  )
    .argument('<kid>', 'key id, see: openlock door show', kid)
    .action(async (id: string, options: JsonOption) => {
      const run = new Run(io, options);
      await run.operator((operator) => operator.keys.ban(id));
      run.print.value({ kid: id, banned: true });
      run.print.line('Key ', id, ' is banned. Give its door a new one: openlock door reset <doorId>.');
    });

  addCommand(key, 'unban', 'lift the ban of a door key', ['openlock key unban rj2tP0X1…'])
    .argument('<kid>', 'key id', kid)
    .action(async (id: string, options: JsonOption) => {
      const run = new Run(io, options);
      await run.operator((operator) => operator.keys.unban(id));
      run.print.value({ kid: id, banned: false });
      run.print.line('Key ', id, ' is not banned any more.');
    });
}
