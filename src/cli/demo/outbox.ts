import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 10_000;
const POLL_MS = 25;

/** Names of the mails there are now. */
export async function mailsIn(dir: string): Promise<ReadonlySet<string>> {
  return new Set((await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.eml')));
}

export interface CodeMail {
  readonly path: string;
  readonly code: string;
  readonly subject: string;
}

/** Waits for a mail that was not in `before` and holds an 8-digit code (protocol 3.1): what a person does at a mailbox. */
export async function nextCode(dir: string, before: ReadonlySet<string>): Promise<CodeMail> {
  const deadline = Date.now() + WAIT_MS;
  while (Date.now() < deadline) {
    for (const name of await mailsIn(dir)) {
      if (before.has(name)) continue;
      const text = await readFile(join(dir, name), 'utf8');
      const code = /\b([0-9]{4})[ -]?([0-9]{4})\b/.exec(text.slice(text.search(/\r?\n\r?\n/)));
      const subject = /^Subject: (.*)$/im.exec(text)?.[1] ?? '';
      if (code !== null) return { path: join(dir, name), code: `${code[1] ?? ''}${code[2] ?? ''}`, subject };
    }
    await delay(POLL_MS);
  }
  throw new Error(`no mail with a code arrived in ${dir} within ${WAIT_MS / 1000} s`);
}
