import type { Command } from 'commander';

import { addCommand, doorId, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { withOperatorClient } from './support/operator-client.js';
import { styled } from './support/printer.js';
import { Run } from './support/run.js';
import { iso } from './support/times.js';

/** `openlock status <doorId>`: what the relay knows of a door now, asking it first. */
export function registerStatus(program: Command, io: Io): void {
  addCommand(program, 'status', 'ask a door how it is (needs a running relay, no password)', [
    'openlock status front-door',
    'openlock status front-door --json',
  ])
    .argument('<doorId>', 'the door', doorId)
    .action(async (id: string, options: JsonOption) => {
      const run = new Run(io, options);
      const status = await withOperatorClient(run, id, ({ client, kid }) =>
        client.door(id, kid === undefined ? { trustOnFirstUse: noPin } : { kid }).liveStatus(),
      );
      run.print.value({ doorId: id, ...status });
      run.print.line(styled('bold', id), '  ', status.online ? styled('green', 'online') : styled('yellow', 'offline'));
      if (status.state === null) run.print.line('It has never said how it is.');
      else {
        const { lock, mode, contact } = status.state;
        run.print.line(`${lock}${contact === undefined ? '' : `, ${contact}`}, mode ${mode}`);
        run.print.line(JSON.stringify(status.state));
        run.print.line(
          styled(
            'dim',
            `${status.live ? 'asked just now' : 'last known'}, ${iso(status.at)}; advisory: only a receipt is the door’s own word`,
          ),
        );
      }
    });
}

/** A status needs no key; nothing is pinned by it. */
const noPin = { get: () => undefined, set: () => undefined };
