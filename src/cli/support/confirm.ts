import { createInterface } from 'node:readline/promises';

import { CommandFailure, UsageError } from './failure.js';
import { streamTo, type Io } from './io.js';

/**
 * Asks whoever sits at the terminal; anything but a yes is a no. Throws CommandFailure (`cancelled`), and UsageError where
 * nobody can be asked.
 */
export async function confirm(io: Pick<Io, 'stdin' | 'stderr'>, question: string): Promise<void> {
  const { stdin, stderr } = io;
  if (!stdin.isTTY) throw new UsageError('There is no terminal to ask on; --yes goes ahead without asking.');
  // On standard error: standard output is the command's own.
  const lines = createInterface({ input: stdin, output: streamTo(stderr) });
  const gone = new AbortController();
  lines.once('close', () => gone.abort());
  lines.once('SIGINT', () => lines.close());
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: gone.signal });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } catch (error) {
    // Ctrl-C and Ctrl-D are a no as well.
    if (!gone.signal.aborted) throw error;
    stderr.write('\n');
  } finally {
    lines.close();
  }
  throw new CommandFailure('cancelled', 'Nothing was done.');
}
