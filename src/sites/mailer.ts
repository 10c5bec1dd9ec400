import { join } from 'node:path';

import type { Logger } from 'pino';

import type { Clock, Random } from '../clock.js';
import { mailTransport, type MailTransport } from './mail-transport.js';

/** A mail to one person. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface MailerOptions {
  /** `OPENLOCK_MAIL_URL`. */
  readonly mailUrl: string | undefined;
  /** `OPENLOCK_MAIL_FROM`. */
  readonly mailFrom: string;
  /** Mails go to `<dataDir>/outbox` when there is no URL. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Logger, 'warn'>;
  /** Called for every mail that could not be handed over. */
  readonly onFailure?: () => void;
  /** Mails waiting at most; more are given up. Default 1,000. */
  readonly queueLength?: number;
  /** Milliseconds before each further attempt. Default 1 s, 5 s, 20 s. */
  readonly retryDelaysMs?: readonly number[];
}

const SENDERS = 2;

/**
 * Sends mails in the background: {@link enqueue} never waits and never throws, so that an answer takes as long with a mail as
 * without (protocol 3.1). The queue is bounded; what fails is logged (without its content) and counted.
 */
export class Mailer {
  readonly #options: MailerOptions;
  readonly #queue: Mail[] = [];
  readonly #stopping = new AbortController();
  #transport: MailTransport | undefined;
  #senders = 0;
  #idle: (() => void)[] = [];

  constructor(options: MailerOptions) {
    this.#options = options;
  }

  enqueue(mail: Mail): void {
    if (this.#stopping.signal.aborted || this.#queue.length >= (this.#options.queueLength ?? 1000)) {
      this.#failed(new Error('the mail queue is full or closed'));
      return;
    }
    this.#queue.push(mail);
    if (this.#senders >= SENDERS) return;
    this.#senders += 1;
    // After the answer that asked for it.
    setImmediate(() => void this.#drain());
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    if (this.#senders > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Gives what is waiting up to `graceMs` to leave; no mail is taken from now on. */
  async stop(graceMs = 2000): Promise<void> {
    this.#stopping.abort();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.idle(), new Promise((resolve) => (timer = setTimeout(resolve, graceMs)))]);
    clearTimeout(timer);
    this.#queue.length = 0;
    this.#transport?.close();
  }

  async #drain(): Promise<void> {
    for (let mail = this.#queue.shift(); mail !== undefined; mail = this.#queue.shift()) {
      try {
        await this.#send(mail);
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#senders -= 1;
    if (this.#senders > 0) return;
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #send(mail: Mail): Promise<void> {
    const { mailUrl, mailFrom, dataDir, clock, random } = this.#options;
    assertSafe(mail);
    this.#transport ??= mailTransport(mailUrl, join(dataDir, 'outbox'), { clock, random });
    const delays = this.#options.retryDelaysMs ?? [1000, 5000, 20_000];
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#transport.send({ from: mailFrom, ...mail });
      } catch (error) {
        const delay = delays[attempt];
        if (delay === undefined || isPermanent(error) || this.#stopping.signal.aborted) throw error;
        await this.#pause(delay);
      }
    }
  }

  /** Waits, but not once the mailer is being stopped. */
  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stopping;
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener('abort', done);
    });
  }

  #failed(error: unknown): void {
    this.#options.onFailure?.();
    // Neither address nor text: logs are read by more people than mails.
    const { message, code, responseCode } = error as { message?: unknown; code?: unknown; responseCode?: unknown };
    this.#options.log.warn(
      { code, responseCode, reason: responseCode === undefined ? message : undefined },
      'a mail could not be sent',
    );
  }
}

/** Addresses and subjects come from requests: one that could end a header line or add a recipient is not sent. */
function assertSafe(mail: Mail): void {
  if (!/^[^\s@<>(),;:"\\]+@[^\s@<>(),;:"\\]+$/.test(mail.to)) throw new Error('not a single plain mail address');
  if (hasControlCharacters(mail.to) || hasControlCharacters(mail.subject))
    throw new Error('control characters in a mail header');
}

function hasControlCharacters(text: string): boolean {
  return [...text].some((char) => char < ' ' || (char >= '\u007f' && char <= '\u009f'));
}

/** A 5xx answer of the mail server: trying again gives the same. */
function isPermanent(error: unknown): boolean {
  const { responseCode } = error as { responseCode?: unknown };
  return typeof responseCode === 'number' && responseCode >= 500;
}
