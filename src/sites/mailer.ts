import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import PQueue from 'p-queue';
import type { Logger } from 'pino';

import { sleep, type Clock, type Random } from '../clock.js';
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
  /** Mails waiting or under way at most; more are given up. Default 1,000. */
  readonly queueLength?: number;
  /** Milliseconds before each further attempt. Default 1 s, 5 s, 20 s. */
  readonly retryDelaysMs?: readonly number[];
}

const SENDERS = 2;

/**
 * Sends mails in the background: {@link enqueue} never waits and never throws, so that an answer takes as long with a mail as
 * without (protocol 3.1). The queue is bounded; what fails is logged (without its content) and counted.
 *
 * The queue is p-queue's. The attempts are not p-retry's: it waits on timers of its own instead of the clock, its delays are a
 * power series (ours are a list), and what its signal ends gets no last attempt, while a mail that waits for its next one when
 * the relay stops is tried once more at once.
 */
export class Mailer {
  readonly #options: MailerOptions;
  readonly #queue = new PQueue({ concurrency: SENDERS });
  readonly #stopping = new AbortController();
  #transport: MailTransport | undefined;

  constructor(options: MailerOptions) {
    this.#options = options;
  }

  enqueue(mail: Mail): void {
    const isFull = this.#queue.size + this.#queue.pending >= (this.#options.queueLength ?? 1000);
    if (this.#stopping.signal.aborted || isFull) {
      this.#failed(new Error('the mail queue is full or closed'));
      return;
    }
    void this.#queue.add(() => this.#send(mail).catch((error: unknown) => this.#failed(error)));
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }

  /** Gives what is waiting up to `graceMs` to leave, and gives the rest up; no mail is taken from now on. */
  async stop(graceMs = 2000): Promise<void> {
    this.#stopping.abort();
    const gone = new AbortController();
    const idle = this.idle().finally(() => gone.abort());
    await Promise.race([idle, sleep(this.#options.clock, graceMs, gone.signal)]);
    const left = this.#queue.size;
    this.#queue.clear();
    for (let count = 0; count < left; count += 1) this.#failed(new Error('the relay stopped before it was sent'));
    this.#transport?.close();
  }

  async #send(mail: Mail): Promise<void> {
    const { mailUrl, mailFrom, dataDir, clock, random } = this.#options;
    // After the answer that asked for it.
    await setImmediate();
    assertSafe(mail);
    this.#transport ??= mailTransport(mailUrl, join(dataDir, 'outbox'), { clock, random });
    const delays = this.#options.retryDelaysMs ?? [1000, 5000, 20_000];
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#transport.send({ from: mailFrom, ...mail });
      } catch (error) {
        const delay = delays[attempt];
        if (delay === undefined || isPermanent(error) || this.#stopping.signal.aborted) throw error;
        await sleep(clock, delay, this.#stopping.signal);
      }
    }
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
