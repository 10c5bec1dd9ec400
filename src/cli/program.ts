import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { registerAudit } from './audit.js';
import { registerCa } from './ca.js';
import { registerCheckConfig } from './check-config.js';
import { registerCommand } from './command.js';
import { registerDemo } from './demo.js';
import { registerDoor } from './door.js';
import { registerFirmware } from './firmware.js';
import { registerKey } from './key.js';
import { registerRollout } from './rollout.js';
import { registerServe } from './serve.js';
import { registerSimulate } from './simulate.js';
import { registerSite } from './site.js';
import { registerStatus } from './status.js';
import { toFailure, type Failure } from './support/failure.js';
import type { Io, Sink } from './support/io.js';
import { columnsOf, wrapAt } from './support/layout.js';
import { markIds, withoutMark } from './support/marked-ids.js';
import { Printer, styled } from './support/printer.js';
import { visible } from './support/visible.js';
import { registerVirtualDoor } from './virtual-door.js';

const HELP = `
A first look:            openlock demo
Run a relay:             openlock check-config && openlock serve
Bring a door in:         openlock door add front-door
Let a website use it:    openlock site list
                         openlock door grant front-door <site> --role user
Try it:                  openlock command unlock front-door
Update the doors:        openlock firmware sign --help   # see docs/updates.md
See who did what:        openlock audit --follow

Settings come from the environment (OPENLOCK_…, see docs/operations.md).
Every command has --help and --json.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage.`;

/** Runs one command line (without node and script) to its end and resolves to the exit code (protocol 11.2). */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io);
  try {
    await program.parseAsync([...markIds(args)], { from: 'user' });
    return 0;
  } catch (error) {
    const failure = toFailure(error);
    tell(new Printer(io, wantsJson(args)), failure, error);
    return failure.exitCode;
  }
}

/** Text of commander's, and ours in its helps: it repeats what it was given, and arguments may have been pasted from anywhere. */
function writeTo(sink: Sink, text: string): void {
  const lines = withoutMark(text).split('\n').map(visible);
  // What commander did not lay out itself.
  const fitted = sink.isTTY === true ? lines.flatMap((line) => linesOf(line, columnsOf(sink))) : lines;
  sink.write(fitted.join('\n'));
}

function linesOf(text: string, columns: number): readonly string[] {
  const indent = text.length - text.trimStart().length;
  return wrapAt([text], columns, indent).map((line) =>
    line.map((piece) => (typeof piece === 'object' ? piece.text : piece)).join(''),
  );
}

function buildProgram(io: Io): Command {
  const program = new Command('openlock')
    .description('A smart-lock relay nobody has to trust: websites open doors with commands only the door can read.')
    .version(version(), '-V, --version')
    .showHelpAfterError(HINT)
    .addHelpText('after', HELP)
    .exitOverride()
    // `firmware sign --version 1.2.3` is no question for ours.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => writeTo(io.stdout, text),
      writeErr: (text) => writeTo(io.stderr, text),
      getOutHelpWidth: () => columnsOf(io.stdout),
      getErrHelpWidth: () => columnsOf(io.stderr),
    });
  for (const register of [
    registerDemo,
    registerServe,
    registerCheckConfig,
    registerCa,
    registerDoor,
    registerKey,
    registerSite,
    registerCommand,
    registerStatus,
    registerAudit,
    registerSimulate,
    registerVirtualDoor,
    registerFirmware,
    registerRollout,
  ]) {
    register(program, io);
  }
  return program;
}

const HINT = '(--help shows how it is used)';

function tell(print: Printer, { error, told, exitCode, unexpected }: Failure, thrown: unknown): void {
  if (exitCode !== 0) print.value({ error });
  if (told) return;
  // The code stands once, and not behind what a later line asks to be typed.
  for (const [index, line] of error.detail.split('\n').entries())
    print.note(styled('red', 'error: '), line, exitCode === 1 && index === 0 ? ` (${error.code})` : '');
  if (exitCode === 2) print.note(HINT);
  if (unexpected && thrown instanceof Error)
    for (const line of (thrown.stack ?? '').split('\n').slice(1)) print.note(line);
}

/** Whether `--json` was asked for, also where parsing failed before anybody could look. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
