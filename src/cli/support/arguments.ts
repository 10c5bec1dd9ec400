import { Option, type Command } from 'commander';

import { doorIdSchema, kidSchema } from '../../protocol/ids.js';
import { UsageError } from './failure.js';
import { DEFAULT_COLUMNS, shellLines } from './layout.js';
import { withoutMark } from './marked-ids.js';

/**
 * Parsers of arguments and options; each refusal is wrong usage (exit code 2) and says what would be right. They throw
 * UsageError, which commander passes on as it is: its own error would repeat the value in a sentence of its making.
 */

/** Adds a subcommand with `--json` and examples in its help. */
export function addCommand(
  parent: Command,
  nameAndArguments: string,
  description: string,
  examples: readonly string[],
): Command {
  return parent
    .command(nameAndArguments)
    .description(description)
    .option('--json', 'print one JSON value and nothing else')
    .addHelpText('after', ({ command }) => {
      const width = command.configureOutput().getOutHelpWidth?.() ?? DEFAULT_COLUMNS;
      return `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${examples.flatMap((example) => exampleLines(example, width)).join('\n')}`;
    });
}

/** Broken where a shell takes it: before an option, a pipe or a comment, and nowhere in a comment. */
function exampleLines(example: string, width: number): readonly string[] {
  const [, command = example, comment] = /^(.*?)(?: +(# .*))?$/.exec(example) ?? [];
  const lines = shellLines([...command.split(/ +(?=--|\| )/), ...(comment === undefined ? [] : [comment])], width - 6);
  return lines.map((line, index) => (index === 0 ? `  $ ${line}` : `  ${line}`));
}

/** Options every command has. */
export interface JsonOption {
  readonly json?: true;
}

/** An option with a default that the help shows as one would type it. */
export function optionWithDefault<T>(
  flags: string,
  description: string,
  parse: (text: string) => T,
  typed: string,
): Option {
  return new Option(flags, description).argParser(parse).default(parse(typed), typed);
}

/** One of a few words. `name`: what the refusal calls it. */
export function oneOf<T extends string>(name: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new UsageError(`${name} is one of ${words.join(', ')}.`);
    return found;
  };
}

export function doorId(text: string): string {
  if (!doorIdSchema.safeParse(text).success)
    throw new UsageError('A door id has 3 to 64 letters, digits, _ or -, and starts with a letter or digit.');
  return text;
}

export function kid(text: string): string {
  const id = withoutMark(text);
  if (!kidSchema.safeParse(id).success)
    throw new UsageError('A key id is the RFC 7638 SHA-256 thumbprint: 43 characters of base64url.');
  return id;
}

/** ISO 8601 to Unix milliseconds. `name`: what the refusal calls it. */
export function isoTime(name: string): (text: string) => number {
  return (text) => {
    const at = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
      ? Date.parse(text)
      : Number.NaN;
    if (Number.isNaN(at)) throw new UsageError(`${name} is a date such as 2027-01-31 or 2027-01-31T18:00:00Z.`);
    return at;
  };
}

/** A whole number from `minimum` to `maximum`. `name`: what the refusal calls it. */
export function wholeNumber(name: string, minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum))
      throw new UsageError(`${name} is a whole number from ${minimum} to ${maximum}.`);
    return value;
  };
}
