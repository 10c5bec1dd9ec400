import { CommanderError } from 'commander';

import { DoorRefusedError } from '../../client/index.js';
import { ConfigError } from '../../config.js';
import { OpenLockError } from '../../protocol/problem.js';
import { UpdateError } from '../../protocol/release.js';
import { withoutMark } from './marked-ids.js';

/** The arguments are wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The act was refused or failed for a reason that has no code in protocol 9: exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  constructor(
    readonly code: string,
    detail: string,
    /** Further members of the JSON error. */
    readonly extras: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
  }
}

/** How a command that threw ends: for people, for `--json`, for the shell. */
export interface Failure {
  readonly exitCode: 0 | 1 | 2;
  readonly error: { readonly code: string; readonly detail: string } & Readonly<Record<string, unknown>>;
  /** Already told (by commander, or because help was asked for). */
  readonly told: boolean;
  /** A programming error or something unforeseen: worth its stack. */
  readonly unexpected: boolean;
}

export function toFailure(thrown: unknown): Failure {
  const failure = (
    exitCode: 1 | 2,
    code: string,
    detail: string,
    extras: Readonly<Record<string, unknown>> = {},
  ): Failure => ({
    exitCode,
    error: { code, detail, ...extras },
    told: false,
    unexpected: false,
  });
  if (thrown instanceof CommanderError) return fromCommander(thrown);
  if (thrown instanceof UsageError) return failure(2, 'wrong_usage', thrown.message);
  if (thrown instanceof ConfigError) return failure(1, 'invalid_config', thrown.message, { problems: thrown.problems });
  if (thrown instanceof CommandFailure) return failure(1, thrown.code, thrown.message, thrown.extras);
  if (thrown instanceof UpdateError) return failure(1, thrown.code, thrown.message);
  if (thrown instanceof OpenLockError) {
    const { retryAfterMs, commandId, state } = thrown.extras;
    return failure(1, thrown.code, thrown.message, {
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(commandId !== undefined && { commandId }),
      ...(state !== undefined && { state }),
      ...(thrown instanceof DoorRefusedError &&
        thrown.receipt !== undefined && { receipt: { ...thrown.receipt, pad: undefined } }),
    });
  }
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return { ...failure(1, codeOf(thrown) ?? 'internal', detail), unexpected: codeOf(thrown) === undefined };
}

/** Codes of system errors (`EADDRINUSE`, …) and of the SDK's typed errors say enough without a stack. */
function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return undefined;
  return thrown.code;
}

function fromCommander(thrown: CommanderError): Failure {
  // Help and version that were asked for end with 0; help shown because a subcommand is missing is wrong usage.
  if (thrown.exitCode === 0) return { exitCode: 0, error: { code: 'ok', detail: '' }, told: true, unexpected: false };
  const detail =
    thrown.code === 'commander.help'
      ? 'a subcommand is missing; see --help'
      : withoutMark(thrown.message).replace(/^error: /, '');
  return { exitCode: 2, error: { code: 'wrong_usage', detail }, told: true, unexpected: false };
}
