import { StringDecoder } from 'node:string_decoder';

import password from '@inquirer/password';

import { CommandFailure, UsageError } from './failure.js';
import { streamTo, type Io } from './io.js';

const MAX_CHARS = 1024;

/**
 * A secret, never from an argument (it would stand in the process list and the shell's history): the first line of
 * standard input, or asked for without echo when a person sits there (protocol 11.2).
 */
export async function readPassword(
  io: Pick<Io, 'stdin' | 'stderr'>,
  prompt: string,
  what: 'password' | 'passphrase' = 'password',
): Promise<string> {
  const secret = io.stdin.isTTY ? await ask(io, prompt) : await firstLine(io.stdin, what);
  if (secret === '') throw new UsageError(`No ${what} given: type it at the prompt, or send it on standard input.`);
  return secret;
}

/** As {@link readPassword}, for a secret that is made now: a person types it twice. Throws UsageError when the two differ. */
export async function readNewPassphrase(io: Pick<Io, 'stdin' | 'stderr'>): Promise<string> {
  const passphrase = await readPassword(io, 'Passphrase for the new key:', 'passphrase');
  if (io.stdin.isTTY && (await ask(io, 'The same again:')) !== passphrase)
    throw new UsageError('The two passphrases differ; nothing was made.');
  return passphrase;
}

async function firstLine(stdin: NodeJS.ReadStream, what: string): Promise<string> {
  const decoder = new StringDecoder('utf8');
  let text = '';
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    text += decoder.write(chunk);
    if (text.includes('\n') || text.length > MAX_CHARS) break;
  }
  const line = (text.split('\n')[0] ?? '').replace(/\r$/, '');
  if (line.length > MAX_CHARS) throw new UsageError(`The ${what} on standard input is too long.`);
  return line;
}

/** Asked for on standard error: standard output is the command's own. Nothing is shown of it, not even its length. */
async function ask({ stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>, message: string): Promise<string> {
  const gone = new AbortController();
  // Ctrl-D, or a terminal that goes away, closes the line the prompt reads from, and the prompt itself would wait for ever.
  const onEnd = (): void => gone.abort();
  const onKey = (_text: string | undefined, key: { readonly ctrl?: boolean; readonly name?: string }): void => {
    if (key.ctrl === true && key.name === 'd') gone.abort();
  };
  stdin.once('end', onEnd).on('keypress', onKey);
  try {
    return await password(
      { message, mask: false, toggleMask: false },
      { input: stdin, output: streamTo(stderr), signal: gone.signal },
    );
  } catch (error) {
    if (error instanceof Error && /^(Exit|Abort)PromptError$/.test(error.name))
      throw new CommandFailure('cancelled', 'Cancelled.');
    throw error;
  } finally {
    stdin.off('end', onEnd).off('keypress', onKey);
  }
}
