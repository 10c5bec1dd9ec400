import { Option, type Command } from 'commander';

import { ROLES, type Role } from '../../protocol/api.js';
import { addCommand, doorId, isoTime, oneOf, type JsonOption } from '../support/arguments.js';
import { UsageError } from '../support/failure.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

interface GrantOptions extends JsonOption {
  readonly role: Role;
  readonly from?: number;
  readonly until?: number;
}

export function registerDoorGrant(parent: Command, io: Io): void {
  addCommand(parent, 'grant', 'let a site see or operate a door; replaces its earlier grant for this door', [
    'openlock door grant front-door https://booking.example --role user',
    'openlock door grant front-door 4f1c… --role user --until 2027-01-31T18:00:00Z',
    'openlock site list   # the sites that have registered',
  ])
    .argument('<doorId>', 'the door', doorId)
    .argument('<site>', 'site id, or an origin when only one site has proved it')
    .addOption(
      new Option('--role <role>', 'viewer: status · user: also lock and unlock · manager: also configure')
        .choices(ROLES)
        .argParser(oneOf('--role', ROLES))
        .makeOptionMandatory(),
    )
    .option('--from <ISO>', 'not before this time', isoTime('--from'))
    .option('--until <ISO>', 'not after this time', isoTime('--until'))
    .action(async (id: string, site: string, options: GrantOptions) => {
      const { role, from, until } = options;
      if (from !== undefined && until !== undefined && until <= from)
        throw new UsageError('--until must be later than --from.');
      const run = new Run(io, options);
      await run.operator((operator) =>
        operator.doors.grant(id, site, {
          role,
          ...(from !== undefined && { notBefore: from }),
          ...(until !== undefined && { notAfter: until }),
        }),
      );
      run.print.value({
        doorId: id,
        site,
        role,
        ...(from !== undefined && { notBefore: from }),
        ...(until !== undefined && { notAfter: until }),
      });
      run.print.line(
        site,
        ' is ',
        role,
        ' of ',
        id,
        until === undefined ? '.' : ` until ${new Date(until).toISOString()}.`,
      );
    });
}
