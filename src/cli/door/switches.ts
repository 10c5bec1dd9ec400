import type { Command } from 'commander';

import type { Operator } from '../../app/operator.js';
import { addCommand, doorId, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

interface Switch {
  readonly name: string;
  readonly description: string;
  readonly act: (operator: Operator, doorId: string) => Promise<void>;
  readonly done: string;
}

/** The acts on a door that take a door id and answer nothing: disable, enable. */
const SWITCHES: readonly Switch[] = [
  {
    name: 'disable',
    description: 'close the door’s socket and refuse it and every command until it is enabled',
    act: (operator, id) => operator.doors.disable(id),
    done: 'is disabled',
  },
  {
    name: 'enable',
    description: 'let a disabled door connect again',
    act: (operator, id) => operator.doors.enable(id),
    done: 'is enabled',
  },
];

export function registerDoorSwitches(parent: Command, io: Io): void {
  for (const { name, description, act, done } of SWITCHES) {
    addCommand(parent, name, description, [`openlock door ${name} front-door`])
      .argument('<doorId>', 'the door', doorId)
      .action(async (id: string, options: JsonOption) => {
        const run = new Run(io, options);
        await run.operator((operator) => act(operator, id));
        run.print.value({ doorId: id, done: name });
        run.print.line('Door ', id, ' ', done, '.');
      });
  }
}
