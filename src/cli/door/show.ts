import type { Command } from 'commander';

import type { DoorDetailsView } from '../../operators/door-views.js';
import { addCommand, doorId, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { styled, type Piece, type Printer } from '../support/printer.js';
import { Run } from '../support/run.js';
import { ago, iso } from '../support/times.js';
import { doorStateWord } from './list.js';

export function registerDoorShow(parent: Command, io: Io): void {
  addCommand(parent, 'show', 'one door: key id, connection, last known state, grants', [
    'openlock door show front-door',
    'openlock door show front-door --json | jq -r .kid',
  ])
    .argument('<doorId>', 'the door', doorId)
    .action(async (id: string, options: JsonOption) => {
      const run = new Run(io, options);
      const door = await run.operator((operator) => operator.doors.show(id));
      run.print.value(door);
      printDoor(run.print, door);
    });
}

function printDoor(print: Printer, door: DoorDetailsView): void {
  const row = (name: string, ...value: readonly Piece[]): void => print.line(styled('dim', name.padEnd(12)), ...value);
  row('door', styled('bold', door.doorId));
  row('name', door.name);
  row('state', doorStateWord(door), `, last seen ${ago(door.lastSeen ?? undefined)}`);
  row('key id', door.kid ?? '(none yet)');
  row('registered', iso(door.registeredAt));
  if (door.enrolmentUntil !== null) row('enrolment', 'a token is open until ', iso(door.enrolmentUntil));
  if (door.firmware !== null) row('firmware', JSON.stringify(door.firmware));
  if (door.state !== null) row('door says', JSON.stringify(door.state), ` (${iso(door.stateAt)}; advisory)`);
  for (const grant of door.grants) {
    const dates = [
      grant.notBefore === null ? '' : ` from ${iso(grant.notBefore)}`,
      grant.notAfter === null ? '' : ` until ${iso(grant.notAfter)}`,
    ].join('');
    row('grant', `${grant.role}  ${grant.siteId}${dates}`);
  }
}
