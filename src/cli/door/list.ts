import type { Command } from 'commander';

import type { DoorView } from '../../operators/door-views.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { styled, type Piece } from '../support/printer.js';
import { Run } from '../support/run.js';
import { ago } from '../support/times.js';

export function registerDoorList(parent: Command, io: Io): void {
  addCommand(parent, 'list', 'all doors, and whether they are connected', [
    'openlock door list',
    "openlock door list --json | jq '.doors[] | select(.online)'",
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const doors = await run.operator((operator) => operator.doors.list());
    run.print.value({ doors });
    if (doors.length === 0) run.print.line('No doors yet; this enrols one: openlock door add <doorId>');
    else {
      run.print.table(
        ['DOOR', { title: 'NAME', atLeast: 8 }, 'STATE', 'LAST SEEN', { title: 'KEY', atLeast: 10 }],
        doors.map((door) => [
          door.doorId,
          door.name,
          doorStateWord(door),
          ago(door.lastSeen ?? undefined),
          door.kid ?? '(none yet)',
        ]),
      );
    }
  });
}

/** One word for a door, the most important one first. */
export function doorStateWord(door: DoorView): Piece {
  if (door.keyBanned) return styled('red', 'key banned');
  if (door.disabled) return styled('red', 'disabled');
  if (door.online) return styled('green', 'online');
  return door.kid === null ? styled('yellow', 'not enrolled') : 'offline';
}
