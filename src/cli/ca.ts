import { resolve } from 'node:path';

import type { Command } from 'commander';

import { takeAuthorityKey, viewAuthority, type AuthorityView } from '../app/local-authority.js';
import { addCommand, type JsonOption } from './support/arguments.js';
import { CommandFailure } from './support/failure.js';
import type { Io } from './support/io.js';
import { styled, type Printer } from './support/printer.js';
import { Run } from './support/run.js';

const HOW_TO_TAKE = `
A relay without OPENLOCK_TLS_CERT makes a certificate authority of its own, and
doors and sites that trust it trust whoever has its key, for the names it is
constrained to. The key is needed every eighteen months, to renew the relay’s
certificate, and when a name joins OPENLOCK_PUBLIC_URL. Otherwise it can lie in
a drawer; the relay need not stop, and \`ca show\` says how long it does without:

  openlock ca take-key --to /media/usb/openlock-ca-key.pem
  openlock ca show

and back, when the relay asks for it. Within a minute it renews what is due;
then take the key away again:

  install -m 600 /media/usb/openlock-ca-key.pem <data dir>/tls/ca-key.pem`;

/** `openlock ca show|take-key`: the relay's own certificate authority. */
export function registerCa(program: Command, io: Io): void {
  const ca = program
    .command('ca')
    .description('the relay’s own certificate authority, and how to take its key away')
    .addHelpText('after', HOW_TO_TAKE);

  addCommand(ca, 'show', 'what the authority may sign for, where its key is, and when what runs out', [
    'openlock ca show',
    'openlock ca show --json',
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const view = await viewAuthority(run.config());
    if (view === undefined)
      throw new CommandFailure(
        'not_found',
        'There is no local authority yet; openlock serve makes one at its first start.',
      );
    run.print.value({ ...view, names: view.names ?? null, servesUntil: view.servesUntil ?? null });
    show(run.print, view);
  });

  addCommand(ca, 'take-key', 'move the authority’s key out of the data dir; the relay goes on without it', [
    'openlock ca take-key --to /media/usb/openlock-ca-key.pem',
  ])
    .requiredOption('--to <file>', 'where the key goes: a new file, best on a disk that you can take out')
    .action(async ({ to, ...options }: JsonOption & { readonly to: string }) => {
      const run = new Run(io, options);
      const config = run.config();
      const target = resolve(to);
      takeAuthorityKey(config, target);
      const view = await viewAuthority(config);
      run.print.value({ key: target, servesUntil: view?.servesUntil ?? null });
      run.print.line(
        'The key is in ',
        styled('bold', target),
        ' and no longer here. Keep a second copy: there is no other.',
      );
      if (view?.servesUntil !== undefined)
        run.print.line('The relay serves without it until ', day(view.servesUntil), '.');
      if (view !== undefined) run.print.line('To bring it back: install -m 600 ', target, ' ', view.keyPath);
    });
}

function show(print: Printer, view: AuthorityView): void {
  const line = (name: string, value: string): void => print.line(styled('dim', name.padEnd(16)), value);
  line('certificate', view.path);
  line('SHA-256', view.fingerprint);
  line('key', `${view.keyType}, ${view.keyIsHere ? view.keyPath : 'taken away'}`);
  line('signs for', view.names?.join(' ') ?? 'any name: it was made before authorities were constrained');
  line('runs out', day(view.expiresAt));
  if (view.servesUntil === undefined) return;
  line('relay serves', `until ${day(view.servesUntil)}${view.keyIsHere ? ', renewed by itself in good time' : ''}`);
  if (!view.keyIsHere) print.line('To renew, bring the key back: install -m 600 <file> ', view.keyPath);
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
