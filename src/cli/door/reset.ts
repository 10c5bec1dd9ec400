import type { Command } from 'commander';

import { addCommand, doorId, kid, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';
import { printEnrolment } from './add.js';

export function registerDoorReset(parent: Command, io: Io): void {
  addCommand(parent, 'reset', 'forget the key of a door and make a new enrolment token; grants stay', [
    'openlock door reset front-door',
    'openlock door reset front-door --kid rj2tP0X1…   # only that key may enrol',
  ])
    .argument('<doorId>', 'the door', doorId)
    .option('--kid <thumbprint>', 'the only key id that may enrol now', kid)
    .action(async (id: string, options: JsonOption & { kid?: string }) => {
      const run = new Run(io, options);
      const enrolment = await run.operator((operator) =>
        operator.doors.reset(id, options.kid === undefined ? {} : { kid: options.kid }),
      );
      run.print.value(enrolment);
      run.print.line('The old key is forgotten and its socket is closed.');
      printEnrolment(run.print, run.config(), enrolment);
    });
}
