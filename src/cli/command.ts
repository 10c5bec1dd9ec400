import { readFileSync } from 'node:fs';

import { Argument, type Command } from 'commander';

import {
  DoorRefusedError,
  UnreachableError,
  type CommandOptions,
  type CommandResult,
  type Door,
} from '../client/index.js';
import { ACT_SCOPES, type Act } from '../protocol/command-body.js';
import { OpenLockError, PROBLEMS } from '../protocol/problem.js';
import { addCommand, doorId, oneOf, wholeNumber, type JsonOption } from './support/arguments.js';
import { CommandFailure, toFailure, UsageError } from './support/failure.js';
import type { Io } from './support/io.js';
import { withOperatorClient } from './support/operator-client.js';
import { readPassword } from './support/password.js';
import { styled } from './support/printer.js';
import { Run } from './support/run.js';

interface CommandActOptions extends JsonOption {
  readonly hold?: number;
  readonly params?: string;
  readonly intent?: string;
  readonly challenge?: boolean;
}

const ACTS = Object.keys(ACT_SCOPES) as readonly Act[];

/** `openlock command <act> <doorId>`: an encrypted command through the API, and the door's receipt. */
export function registerCommand(program: Command, io: Io): void {
  addCommand(
    program,
    'command',
    'send a door an encrypted command and print its receipt; asks for the door’s password',
    [
      'openlock command unlock front-door',
      'openlock command unlock front-door --hold 10000 < password.txt',
      'openlock command configure front-door --params settings.json   # {"autoRelockMs": 8000}',
    ],
  )
    .addArgument(new Argument('<act>', 'what to do').choices(ACTS).argParser(oneOf('<act>', ACTS)))
    .argument('<doorId>', 'the door', doorId)
    .option(
      '--hold <ms>',
      'unlock only: how long; 0 stays unlocked (default: the door’s setting)',
      wholeNumber('--hold', 0, 3_600_000),
    )
    .option('--params <file>', 'JSON file with the params of the act')
    .option(
      '--intent <text>',
      'the same command again, as an attempt that failed names it; the door runs it once at most',
    )
    .option('--challenge', 'have the door say that the command is new, not the clocks')
    .addHelpText(
      'after',
      '\nThe password is read from standard input, or asked for on a terminal; it is never an argument.',
    )
    .action((act: Act, id: string, options: CommandActOptions) => command(io, act, id, options));
}

async function command(io: Io, act: Act, id: string, options: CommandActOptions): Promise<void> {
  const run = new Run(io, options);
  const params = paramsOf(act, options);
  const password = await readPassword(io, `Password of ${id}:`);
  const result = await withOperatorClient(run, id, ({ client, kid }) => {
    if (kid === undefined) throw new OpenLockError('key_not_found', `Door ${id} has no key yet; it has not enrolled.`);
    return send(client.door(id, { kid }), act, params, {
      password,
      freshness: options.challenge === true ? 'challenge' : 'clock',
      ...(options.intent !== undefined && { intent: options.intent }),
    });
  });
  const { outcome, receipt, commandId, latencyMs } = result;
  run.print.value({ outcome, commandId, latencyMs: latencyMs ?? null, receipt: { ...receipt, pad: undefined } });
  if (outcome === 'executed_earlier')
    run.print.line(
      styled('green', 'done'),
      `  ${id} says itself that it had this command before, and did it only then`,
    );
  else run.print.line(styled('green', receipt.code), `  ${id} says so itself, in ${latencyMs ?? '?'} ms`);
  if (receipt.state !== undefined) run.print.line('state   ', JSON.stringify(receipt.state));
  if (receipt.newKid !== undefined) run.print.line('new key ', receipt.newKid);
  run.print.line(styled('dim', `command ${commandId}`));
}

/**
 * One attempt. Whoever tries again after a failure that says nothing certain of the door does it under the same intent: then it
 * is the door that holds the command to once, and not the relay's word that nothing was sent (protocol 6.6).
 */
async function send(
  door: Door,
  act: Act,
  params: Readonly<Record<string, unknown>> | undefined,
  options: CommandOptions,
): Promise<CommandResult> {
  const intent = options.intent ?? door.intent(act);
  try {
    return await door.command(act, { ...options, intent }, params);
  } catch (error) {
    if (!(error instanceof OpenLockError) || !mayTryAgain(error)) throw error;
    const { code, detail, ...extras } = toFailure(error).error;
    const advice = `To try again within 45 s, so that the door does it once at most, add: --intent ${intent}`;
    throw new CommandFailure(code, `${detail}\n${advice}`, { ...extras, intent });
  }
}

function mayTryAgain(error: OpenLockError): boolean {
  // The door's own no; and a relay that got nothing to lie about.
  if (error instanceof DoorRefusedError || error instanceof UnreachableError) return false;
  return error.code === 'door_timeout' || PROBLEMS[error.code].next === 'retry';
}

function paramsOf(act: Act, { hold, params: path }: CommandActOptions): Readonly<Record<string, unknown>> | undefined {
  if (hold !== undefined && act !== 'unlock') throw new UsageError('--hold goes with unlock only.');
  if (path === undefined) return hold === undefined ? undefined : { holdMs: hold };
  if (hold !== undefined) throw new UsageError('Give --hold or --params, not both.');
  let params: unknown;
  try {
    params = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`--params: ${error instanceof Error ? error.message : 'not readable'}`);
  }
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    throw new UsageError('--params: the file must hold one JSON object.');
  return params as Record<string, unknown>;
}
