import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import type { Config } from '../config.js';
import { addCommand, doorId, type JsonOption } from './support/arguments.js';
import { CommandFailure } from './support/failure.js';
import type { Io } from './support/io.js';
import { relayAddress } from './support/relay-address.js';
import { Run } from './support/run.js';
import { builtVirtualDoor } from './virtual-door/build-step.js';
import { runProgram } from './virtual-door/program-run.js';

interface VirtualDoorOptions extends JsonOption {
  readonly enrol?: string;
  readonly stateDir?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly releaseKey?: readonly string[];
  readonly verbose?: true;
}

/** `openlock virtual-door`: the door's firmware as a process of this machine, against a real relay. */
export function registerVirtualDoor(program: Command, io: Io): void {
  addCommand(program, 'virtual-door', 'run the door’s firmware (C++) as a process; builds it on first use', [
    'openlock virtual-door front-door --enrol <token>     # as `openlock door add front-door` prints it',
    'openlock virtual-door front-door                     # once more: same key, same settings',
    'openlock virtual-door lab --enrol <token> --server https://relay.example --ca relay-ca.pem --json < password.txt',
  ])
    .argument('<doorId>', 'the door', doorId)
    .option('--enrol <token>', 'enrolment token of `openlock door add`, until the door is enrolled')
    .option('--state-dir <dir>', 'its settings, key and replay mark (default: <data dir>/virtual-doors/<doorId>)')
    .option('--server <origin>', 'the relay (default, for a new state directory: the one of this data dir)')
    .option('--ca <file>', 'PEM of the authority to trust (default, for a new state directory: the local one)')
    .option('--release-key <file>', 'PEM of a public key whose firmware it takes; up to four times', appended)
    .option('--verbose', 'its log as well')
    .addHelpText(
      'after',
      `
The door password is asked for, or read as the first line of standard input,
when the state directory holds none. Further lines are the door's console:
help, contact open|closed|none, tamper on|off, network down|up,
sntp none|system|offset:<ms>, quit.

Firmware signed by a release key is taken over the air and replaces the program:
the images lie in <state dir>/slots. Every change is a line of text; with --json
a line of JSON. Ctrl-C and SIGTERM close its connection in order.`,
    )
    .action(async (id: string, options: VirtualDoorOptions) => {
      const run = new Run(io, options);
      const stop = io.stopSignal();
      const args = programArguments(run.config(), id, options, io.stdin.isTTY);
      await runProgram(await builtVirtualDoor(), args, stop);
    });
}

function programArguments(
  config: Config,
  id: string,
  options: VirtualDoorOptions,
  interactive: boolean,
): readonly string[] {
  const stateDir = resolve(options.stateDir ?? join(config.dataDir, 'virtual-doors', id));
  // A door that was set up keeps what it has: it may have been configured to another relay since.
  const isNew = !existsSync(join(stateDir, 'host.args'));
  const server = options.server ?? (isNew ? relayAddress(config).publicOrigin : undefined);
  const ca = options.ca ?? (isNew ? authorityFile(config) : undefined);
  return [
    ...['--door-id', id, '--state-dir', stateDir],
    ...(server === undefined ? [] : ['--server', server]),
    ...(ca === undefined ? [] : ['--ca', ca]),
    ...(options.enrol === undefined ? [] : ['--enrol', options.enrol]),
    ...(options.releaseKey ?? []).flatMap((path) => ['--release-key', path]),
    ...(options.json === true ? ['--json'] : []),
    ...(options.verbose === true ? ['--verbose'] : []),
    ...(interactive ? [] : ['--password-stdin']),
  ];
}

const appended = (path: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), path];

/** File of what vouches for this relay's certificate: see `ownAuthority`. */
function authorityFile(config: Config): string {
  const path = config.tlsCert ?? join(config.dataDir, 'tls', 'ca.pem');
  if (!existsSync(path))
    throw new CommandFailure(
      'no_authority',
      `There is no ${path}: no relay has run with this data dir. Give --server and --ca, or start \`openlock serve\` first.`,
    );
  return path;
}
