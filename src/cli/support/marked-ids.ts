/** Key ids that begin with a hyphen, past commander, which would take them for options. */

/** Stands before such an id on its way through commander. No argument of a process can hold it. */
const MARK = '\u0000';
const HYPHENATED_ID = /^-[A-Za-z0-9_-]{42}$/;

/** One key id in 64 begins with a hyphen, and none of our options is as long as a key id. */
export function markIds(args: readonly string[]): readonly string[] {
  return args.map((argument) => (HYPHENATED_ID.test(argument) ? `${MARK}${argument}` : argument));
}

/** What was typed. */
export const withoutMark = (text: string): string => text.replaceAll(MARK, '');
