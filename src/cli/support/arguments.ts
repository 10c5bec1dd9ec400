import { InvalidArgumentError, type Command } from 'commander';

import { doorIdSchema, kidSchema } from '../../protocol/ids.js';

/** Parsers of arguments and options; each refusal is wrong usage (exit code 2) and says what would be right. */

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
    .addHelpText(
      'after',
      `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${examples.map((example) => `  $ ${example}`).join('\n')}`,
    );
}

/** Options every command has. */
export interface JsonOption {
  readonly json?: true;
}

export function doorId(text: string): string {
  if (!doorIdSchema.safeParse(text).success)
    throw new InvalidArgumentError('A door id has 3 to 64 letters, digits, _ or -, and starts with a letter or digit.');
  return text;
}

export function kid(text: string): string {
  if (!kidSchema.safeParse(text).success)
    throw new InvalidArgumentError('A key id is the RFC 7638 SHA-256 thumbprint: 43 characters of base64url.');
  return text;
}

/** ISO 8601 to Unix milliseconds. */
export function isoTime(text: string): number {
  const at = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError('A date such as 2027-01-31 or 2027-01-31T18:00:00Z is wanted.');
  return at;
}

/** A whole number from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum))
      throw new InvalidArgumentError(`A whole number from ${minimum} to ${maximum} is wanted.`);
    return value;
  };
}
