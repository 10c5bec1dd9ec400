import { CommandFailure } from '../support/failure.js';
import { styled, type Piece, type Printer } from '../support/printer.js';

/** One step that was done, for `--json`. */
export interface StepRecord {
  readonly title: string;
  readonly ms: number;
  readonly ok: boolean;
}

/** Lines a step has to say, each a list of pieces. */
export type Tell = (...pieces: readonly Piece[]) => void;

/** Everything fits into a terminal of this width; titles leave room for the time. */
const COLUMNS = 80;

/** Numbered steps with their time; what a step tells is printed under its title. */
export class Steps {
  readonly done: StepRecord[] = [];
  readonly #print: Printer;
  readonly stop: AbortSignal;

  /** `stop`: no step begins after it, and none is waited for. */
  constructor(print: Printer, stop: AbortSignal) {
    this.#print = print;
    this.stop = stop;
  }

  /** Runs one step. Its error passes through, after the step was shown as failed. What it started must end with the stage. */
  async run<T>(title: string, work: (tell: Tell) => Promise<T>): Promise<T> {
    if (this.stop.aborted) throw interrupted(title);
    const started = performance.now();
    const lines: (readonly Piece[])[] = [];
    let ok = false;
    try {
      const result = await unlessStopped(
        this.stop,
        title,
        work((...pieces) => lines.push(pieces)),
      );
      ok = true;
      return result;
    } finally {
      const ms = Math.round(performance.now() - started);
      this.done.push({ title, ms, ok });
      this.#show(title, ms, ok, lines);
    }
  }

  #show(title: string, ms: number, ok: boolean, lines: readonly (readonly Piece[])[]): void {
    const number = String(this.done.length).padStart(2);
    const time = `${ms} ms`.padStart(COLUMNS - number.length - 2 - title.length);
    this.#print.line(
      styled(ok ? 'green' : 'red', ok ? number : ' ✗'),
      '  ',
      styled('bold', title),
      styled('dim', time),
    );
    const width = Math.min(COLUMNS, this.#print.columns);
    for (const pieces of lines) {
      if (pieces.length === 0) this.#print.line();
      else this.#print.wrapped(width, 4 + labelWidth(pieces[0]), '    ', ...pieces);
    }
    this.#print.line();
  }
}

/** What follows a label, a piece that ends in two blanks, is continued under itself. */
function labelWidth(first: Piece | undefined): number {
  return typeof first === 'string' && first.endsWith('  ') ? first.length : 0;
}

const interrupted = (title: string): CommandFailure => new CommandFailure('interrupted', `Stopped at: ${title}.`);

/** What `work` gives, unless `stop` comes first. Throws CommandFailure (`interrupted`). */
export async function unlessStopped<T>(stop: AbortSignal, title: string, work: Promise<T>): Promise<T> {
  let end = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    end = () => reject(interrupted(title));
    stop.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener('abort', end);
    work.catch(() => undefined); // it goes on for nobody
  }
}

/** The beginning and the end of a long text. */
export function shortened(text: string, width = 48): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width * 2) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - head))}`;
}
