import { StringDecoder } from 'node:string_decoder';

import { CommandFailure, UsageError } from './failure.js';
import type { Io } from './io.js';

const MAX_CHARS = 1024;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACES = ['\u007f', '\b'];

/**
 * A secret, never from an argument (it would stand in the process list and the shell's history): the first line of
 * standard input, or asked for without echo when a person sits there (protocol 11.2).
 */
export async function readPassword(
  io: Pick<Io, 'stdin' | 'stderr'>,
  prompt: string,
  what: 'password' | 'passphrase' = 'password',
): Promise<string> {
  const password = io.stdin.isTTY ? await ask(io, prompt) : await firstLine(io.stdin, what);
  if (password === '') throw new UsageError(`No ${what} given: type it at the prompt, or send it on standard input.`);
  return password;
}

/** As {@link readPassword}, for a secret that is made now: a person types it twice. Throws UsageError when the two differ. */
export async function readNewPassphrase(io: Pick<Io, 'stdin' | 'stderr'>): Promise<string> {
  const passphrase = await readPassword(io, 'Passphrase for the new key: ', 'passphrase');
  if (io.stdin.isTTY && (await ask(io, 'The same again: ')) !== passphrase)
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

function ask({ stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>, prompt: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // Before the prompt: whoever answers at once must not be echoed.
    stdin.setRawMode(true);
    stderr.write(prompt);
    stdin.setEncoding('utf8');
    stdin.resume();
    let typed: string[] = [];
    const end = (settle: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const onData = (data: string): void => {
      for (const character of data) {
        if (character === '\r' || character === '\n' || character === CTRL_D) return end(() => resolve(typed.join('')));
        if (character === CTRL_C) return end(() => reject(new CommandFailure('cancelled', 'Cancelled.')));
        if (BACKSPACES.includes(character)) typed = typed.slice(0, -1);
        else if (character >= ' ' && typed.length < MAX_CHARS) typed.push(character);
      }
    };
    stdin.on('data', onData);
  });
}
