import { CommandService } from '../commands/command-service.js';
import { DoorDispatcher } from '../commands/door-dispatcher.js';
import { DoorQuestions } from '../commands/door-questions.js';
import { Waiters } from '../commands/waiters.js';
import type { Doors } from './doors.js';
import type { Relays } from './relays.js';
import type { Base } from './store.js';

export function makeCommands(base: Base, relays: Relays, { access, links }: Doors) {
  const { config, clock, stores } = base;
  const common = { ...base, ...relays, access, links, store: stores.commands, waiters: new Waiters(clock) };
  const dispatcher = new DoorDispatcher(common);
  const questions = new DoorQuestions({ ...common, doors: stores.presence });
  const { commandTimeoutMs } = config;
  const commands = new CommandService({ ...common, dispatcher, questions, commandTimeoutMs });
  return { dispatcher, questions, commands };
}
export type Commands = ReturnType<typeof makeCommands>;
