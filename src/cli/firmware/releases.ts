import type { Command } from 'commander';

import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';
import { iso } from '../support/times.js';
import { printRelease, stateWord } from './view.js';

interface NamedOptions extends JsonOption {
  readonly board?: string;
}

/** `openlock firmware list|show|withdraw`. */
export function registerReleases(parent: Command, io: Io): void {
  registerList(parent, io);
  registerShow(parent, io);
  registerWithdraw(parent, io);
}

function registerList(parent: Command, io: Io): void {
  addCommand(parent, 'list', 'all releases, the newest first', [
    'openlock firmware list',
    'openlock firmware list --json | jq -r \'.releases[] | select(.state == "ready") | .sha256\'',
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const releases = await run.operator((operator) => operator.releases.list());
    run.print.value({ releases });
    if (releases.length === 0) run.print.line('No releases yet: openlock firmware publish <image> <manifest>');
    else {
      run.print.table(
        ['VERSION', 'BOARD', 'SECURITY', 'BYTES', 'STATE', 'EXPIRES', { title: 'SHA-256', atLeast: 13 }],
        releases.map((row) => [
          row.version,
          row.board,
          row.securityVersion,
          row.size,
          stateWord(row.state),
          iso(row.expiresAt).slice(0, 10),
          row.sha256,
        ]),
      );
    }
  });
}

function registerShow(parent: Command, io: Io): void {
  named(parent, 'show', 'one release, and its manifest', [
    'openlock firmware show 1.3.0',
    'openlock firmware show 1.3.0 --board esp32dev --json | jq -r .manifest',
  ]).action(async (name: string, options: NamedOptions) => {
    const run = new Run(io, options);
    const { release, manifest } = await run.operator((operator) => operator.releases.show(name, options.board));
    run.print.value({ ...release, manifest });
    printRelease(run.print, release);
    run.print.line();
    run.print.line(manifest);
  });
}

function registerWithdraw(parent: Command, io: Io): void {
  named(
    parent,
    'withdraw',
    'never offer a release again, and delete its image; its rollouts halt, doors that run it go on running it',
    ['openlock firmware withdraw 1.3.0', 'openlock firmware withdraw 1.3.0 --board esp32dev'],
  ).action(async (name: string, options: NamedOptions) => {
    const run = new Run(io, options);
    const { release, changed } = await run.operator((operator) => operator.releases.withdraw(name, options.board));
    run.print.value({ ...release, changed });
    run.print.line(
      `Release ${release.version} for ${release.board} `,
      changed ? 'is withdrawn.' : `was withdrawn before, on ${iso(release.withdrawnAt)}.`,
    );
  });
}

function named(parent: Command, name: string, description: string, examples: readonly string[]): Command {
  return addCommand(parent, name, description, examples)
    .argument('<sha256|version>', 'its SHA-256, at least the first 8 digits, or its version')
    .option('--board <board>', 'which one, where several releases have this version');
}
