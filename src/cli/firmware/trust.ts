import type { Command } from 'commander';

import { kidSchema } from '../../protocol/ids.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { withoutMark } from '../support/marked-ids.js';
import { Run } from '../support/run.js';
import { iso } from '../support/times.js';
import { releaseKeyFrom } from './key-files.js';

/** `openlock firmware trust add|list|remove`: the public keys whose releases the relays offer. */
export function registerTrust(parent: Command, io: Io): void {
  const trust = parent
    .command('trust')
    .description('the keys releases may be signed by, at most 16; doors have a list of their own');

  addCommand(trust, 'add', 'let releases be signed by a key', ['openlock firmware trust add release-key.pub.pem'])
    .argument('<public pem>', 'the public half: EC P-256, PEM')
    .action(async (path: string, options: JsonOption) => {
      const run = new Run(io, options);
      const { pem } = releaseKeyFrom(path);
      const { key, changed } = await run.operator((operator) => operator.releases.trust(pem));
      run.print.value({ kid: key.kid, trusted: true, changed });
      run.print.line('Releases signed by ', key.kid, changed ? ' are trusted from now on.' : ' were trusted already.');
    });

  addCommand(trust, 'list', 'the keys releases may be signed by', [
    'openlock firmware trust list',
    "openlock firmware trust list --json | jq -r '.keys[].pem'",
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const keys = await run.operator((operator) => operator.releases.trustedKeys());
    run.print.value({ keys: keys.map(({ kid, addedAt, pem }) => ({ kid, addedAt, pem })) });
    if (keys.length === 0)
      run.print.line('No key is trusted yet, so nothing can be published: openlock firmware trust add <public pem>');
    else {
      run.print.table(
        ['KEY ID', 'SINCE'],
        keys.map(({ kid, addedAt }) => [kid, iso(addedAt)]),
      );
    }
  });

  addCommand(trust, 'remove', 'offer nothing any more that this key signed; doors that trust it go on doing so', [
    'openlock firmware trust remove release-key.pub.pem',
    'openlock firmware trust remove rj2tP0X1…   # by its key id',
  ])
    .argument('<public pem|kid>', 'the key, or its id')
    .action(async (typed: string, options: JsonOption) => {
      const run = new Run(io, options);
      const name = withoutMark(typed);
      const kid = kidSchema.safeParse(name).success ? name : releaseKeyFrom(name).kid;
      const idle = await run.operator((operator) => operator.releases.distrust(kid));
      run.print.value({ kid, trusted: false, releases: idle });
      run.print.line('Releases signed by ', kid, ' are not trusted any more.');
      if (idle > 0)
        run.print.note(
          `${idle} of them can no longer be offered; sign their images with another key and publish them again, or withdraw them.`,
        );
    });
}
