import type { Command } from 'commander';

import { addCommand, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { Run } from './support/run.js';

interface DemoOptions extends JsonOption {
  readonly once?: true;
}

/** `openlock demo`: relay, door and website on this machine, and one command from end to end. */
export function registerDemo(program: Command, io: Io): void {
  addCommand(program, 'demo', 'a relay, a door and a website on this machine; opens the door and shows each step', [
    'openlock demo          # stays up for you to try things',
    'openlock demo --once   # ends when the door was opened; exit code 0 if every step worked',
  ])
    .option('--once', 'end after the last step, in a directory that is thrown away')
    .action(async (options: DemoOptions) => {
      const stop = io.stopSignal({ attended: true });
      // The relay, the door and the SDK are loaded by the commands that need them.
      const { runDemo } = await import('./demo/run.js');
      await runDemo(new Run(io, options), { once: options.once === true, stop });
    });
}
