import type { Command } from 'commander';

import { registerRolloutList } from './rollout/list.js';
import { registerRolloutStart } from './rollout/start.js';
import { registerRolloutStatus } from './rollout/status.js';
import { registerRolloutSwitches } from './rollout/switches.js';
import type { Io } from './support/io.js';

/** `openlock rollout …`: bring a release to the doors in stages (protocol 12.3). */
export function registerRollout(program: Command, io: Io): void {
  const rollout = program
    .command('rollout')
    .description('bring a firmware release to the doors in stages, watch it, stop it');
  for (const register of [registerRolloutStart, registerRolloutStatus, registerRolloutList, registerRolloutSwitches])
    register(rollout, io);
}
