import type { Command } from 'commander';

import { addCommand, doorId, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

export function registerDoorRevoke(parent: Command, io: Io): void {
  addCommand(parent, 'revoke', 'take a site’s grant for a door away, at once on every relay', [
    'openlock door revoke front-door https://booking.example',
  ])
    .argument('<doorId>', 'the door', doorId)
    .argument('<site>', 'site id, or an origin when only one site has proved it')
    .action(async (id: string, site: string, options: JsonOption) => {
      const run = new Run(io, options);
      await run.operator((operator) => operator.doors.revokeGrant(id, site));
      run.print.value({ doorId: id, site, done: 'revoke' });
      run.print.line(site, ' has no access to ', id, ' any more.');
    });
}
