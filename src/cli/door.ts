import type { Command } from 'commander';

import { registerDoorAdd } from './door/add.js';
import { registerDoorGrant } from './door/grant.js';
import { registerDoorList } from './door/list.js';
import { registerDoorRemove } from './door/remove.js';
import { registerDoorReset } from './door/reset.js';
import { registerDoorRevoke } from './door/revoke.js';
import { registerDoorShow } from './door/show.js';
import { registerDoorSwitches } from './door/switches.js';
import type { Io } from './support/io.js';

/** `openlock door …`: doors, their keys and who may use them. */
export function registerDoor(program: Command, io: Io): void {
  const door = program.command('door').description('enrol doors, see them, and say who may use them');
  for (const register of [
    registerDoorAdd,
    registerDoorList,
    registerDoorShow,
    registerDoorReset,
    registerDoorSwitches,
    registerDoorRemove,
    registerDoorGrant,
    registerDoorRevoke,
  ]) {
    register(door, io);
  }
}
