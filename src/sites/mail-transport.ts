import { mkdir, open, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createTransport } from 'nodemailer';

import type { Clock, Random } from '../clock.js';

/** A mail ready to go: plain strings that the mailer has checked. */
export interface OutgoingMail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Hands one mail over; throws when that failed. */
export interface MailTransport {
  send(mail: OutgoingMail): Promise<void>;
  close(): void;
}

/** The transport of `OPENLOCK_MAIL_URL`: `smtp:`, `smtps:`, `file:<dir>`; `undefined`: files in `outbox`. */
export function mailTransport(
  mailUrl: string | undefined,
  outbox: string,
  ambient: { readonly clock: Clock; readonly random: Random },
): MailTransport {
  if (mailUrl === undefined) return new FileTransport(outbox, ambient);
  if (/^file:\/\/\//i.test(mailUrl)) return new FileTransport(fileURLToPath(mailUrl), ambient);
  if (/^file:/i.test(mailUrl)) return new FileTransport(resolve(mailUrl.replace(/^file:(\/\/)?/i, '')), ambient);
  return new SmtpTransport(mailUrl, ambient);
}

/** Members every mail has; attachments and bodies by path or URL are off, as nothing here uses them. */
const SAFE = { disableFileAccess: true, disableUrlAccess: true } as const;

function message(mail: OutgoingMail, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(mail.from)?.[1] ?? 'localhost';
  return {
    ...mail,
    ...SAFE,
    date: new Date(clock.now()),
    // Letters only: whoever looks for a code of eight digits finds one.
    messageId: `<${random
      .bytes(16)
      .toString('hex')
      .replace(/[0-9]/g, (digit) => 'ghijklmnop'.charAt(Number(digit)))}@${domain}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

class SmtpTransport implements MailTransport {
  readonly #ambient: { readonly clock: Clock; readonly random: Random };
  readonly #transport;

  constructor(url: string, ambient: { readonly clock: Clock; readonly random: Random }) {
    this.#ambient = ambient;
    this.#transport = createTransport({
      url,
      pool: true,
      maxConnections: 2,
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
      dnsTimeout: 10_000,
      ...SAFE,
    });
  }

  async send(mail: OutgoingMail): Promise<void> {
    await this.#transport.sendMail(message(mail, this.#ambient));
  }

  close(): void {
    this.#transport.close();
  }
}

/** One `.eml` file a mail, for demos, tests and pick-up by another program; appears whole or not at all. */
class FileTransport implements MailTransport {
  readonly #dir: string;
  readonly #ambient: { readonly clock: Clock; readonly random: Random };
  readonly #composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix', ...SAFE });
  #sequence = 0;

  constructor(dir: string, ambient: { readonly clock: Clock; readonly random: Random }) {
    this.#dir = dir;
    this.#ambient = ambient;
  }

  async send(mail: OutgoingMail): Promise<void> {
    const { message: bytes } = await this.#composer.sendMail(message(mail, this.#ambient));
    if (!Buffer.isBuffer(bytes)) throw new Error('the composer gave no bytes');
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    this.#sequence += 1;
    // Sorted by name is sorted by time.
    const time = new Date(this.#ambient.clock.now()).toISOString().replace(/[:.]/g, '-');
    const name = `${time}-${String(this.#sequence).padStart(6, '0')}-${this.#ambient.random.bytes(4).toString('hex')}`;
    const temporary = join(this.#dir, `.${name}.tmp`);
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.#dir, `${name}.eml`));
  }

  close(): void {
    this.#composer.close();
  }
}
