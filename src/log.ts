import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';

import type { Cancel, Clock } from './clock.js';
import type { LogLevel } from './config.js';

/** Members that never reach a log line, wherever they stand one or two levels deep. */
const SECRETS = [
  'password',
  'accessToken',
  'refreshToken',
  'sessionToken',
  'enrolmentToken',
  'token',
  'code',
  'jwe',
  'receipt',
  'proof',
  'authorization',
  'cookie',
];

/**
 * One JSON value a line on standard error (standard output belongs to commands), with ISO times and the names of levels; on a
 * terminal, lines for people. Every line about a request carries its `requestId`.
 */
export function createLog(level: LogLevel, nodeId: string, destination = standardError()): Logger {
  return pino(
    {
      level,
      base: { node: nodeId },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRETS.filter((name) => name !== 'code').flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
    },
    destination,
  );
}

/** `isOneOfMany`: several processes write there, and lines for people say which. */
export function standardError(isOneOfMany = false): DestinationStream {
  return process.stderr.isTTY
    ? prettyLines(process.stderr, process.stderr.hasColors(), isOneOfMany)
    : pino.destination({ dest: 2, sync: false });
}

/** Lines for people. What came from outside may not act on the terminal: pino-pretty prints texts as they are (protocol 11.2). */
export function prettyLines(
  out: { write(text: string): unknown },
  colorize: boolean,
  withNode = false,
): DestinationStream {
  const pretty = prettyFactory({
    colorize,
    ignore: 'pid,hostname,node',
    translateTime: 'SYS:HH:MM:ss.l',
    ...(withNode && { messageFormat: '{node}: {msg}' }),
  });
  return { write: (line) => void out.write(pretty(harmless(line))) };
}

/** The same JSON with control and formatting characters written out twice escaped; line ends of stacks stay. */
function harmless(line: string): string {
  return line
    .replace(/\\(\\|u00[01][0-9a-f]|[bfrt])/g, (escape, what: string) => (what === '\\' ? escape : `\\${escape}`))
    .replace(INVISIBLE, (character) => `\\\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** As src/cli/support/visible.ts; the line end of the line itself is none of it. */
const INVISIBLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const QUIET_MS = 30_000;

/** Tells of a trouble; `unsaid`: how many of the same there were since it was last told. 0: it is new. */
export type Tell = (unsaid: number) => void;

/**
 * Tells of a trouble that repeats once, and then every half a minute while it goes on, with their number: a store that is away
 * for an hour must not fill the disk with one sentence.
 */
export class RepeatedTroubles {
  readonly #clock: Pick<Clock, 'every'>;
  readonly #known = new Map<string, { unsaid: number; tell: Tell; readonly cancel: Cancel }>();

  constructor(clock: Pick<Clock, 'every'>) {
    this.#clock = clock;
  }

  /** `key`: what makes two of them the same. */
  report(key: string, tell: Tell): void {
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.unsaid += 1;
      known.tell = tell;
      return;
    }
    tell(0);
    this.#known.set(key, { unsaid: 0, tell, cancel: this.#clock.every(QUIET_MS, () => this.#look(key)) });
  }

  /** Tells what is unsaid, and forgets everything. */
  stop(): void {
    for (const { unsaid, tell, cancel } of this.#known.values()) {
      cancel();
      if (unsaid > 0) tell(unsaid);
    }
    this.#known.clear();
  }

  #look(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    if (known.unsaid > 0) {
      known.tell(known.unsaid);
      known.unsaid = 0;
      return;
    }
    known.cancel();
    this.#known.delete(key);
  }
}
