import type { Command } from 'commander';

import { addCommand, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { styled } from './support/printer.js';
import { Run } from './support/run.js';
import { iso } from './support/times.js';

/** `openlock site list|block|unblock`. */
export function registerSite(program: Command, io: Io): void {
  const site = program.command('site').description('see, block and unblock the websites that have registered');

  addCommand(site, 'list', 'all sites that have proved their origin', [
    'openlock site list',
    'openlock site list --json',
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const sites = await run.operator((operator) => operator.sites.list());
    run.print.value({ sites });
    if (sites.length === 0)
      run.print.line('No sites yet: a website registers itself with POST /v1/auth/login (docs/sites.md).');
    else {
      run.print.table(
        ['SITE', 'ORIGIN', { title: 'E-MAIL', atLeast: 8 }, 'STATE', 'SINCE'],
        sites.map((row) => [
          row.siteId,
          row.origin,
          row.email,
          row.blocked ? styled('red', 'blocked') : styled('green', 'ok'),
          iso(row.createdAt).slice(0, 10),
        ]),
      );
    }
  });

  for (const act of ['block', 'unblock'] as const) {
    addCommand(
      site,
      act,
      act === 'block' ? 'end a site’s sessions and sockets at once and refuse it' : 'let a blocked site log in again',
      [`openlock site ${act} https://booking.example`],
    )
      .argument('<site>', 'site id, or an origin: then every site of that origin')
      .action(async (id: string, options: JsonOption) => {
        const run = new Run(io, options);
        await run.operator((operator) => operator.sites[act](id));
        run.print.value({ site: id, blocked: act === 'block' });
        run.print.line('Site ', id, act === 'block' ? ' is blocked.' : ' is not blocked any more.');
      });
  }
}
