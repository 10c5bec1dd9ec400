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

/** Column in which the times end; titles are shorter. */
const TIME_COLUMN = 88;

/** Numbered steps with their time; what a step tells is printed under its title. */
export class Steps {
  readonly done: StepRecord[] = [];
  readonly #print: Printer;
  readonly #stop: AbortSignal;

  /** `stop`: no step begins after it. */
  constructor(print: Printer, stop: AbortSignal) {
    this.#print = print;
    this.#stop = stop;
  }

  /** Runs one step. Its error passes through, after the step was shown as failed. */
  async run<T>(title: string, work: (tell: Tell) => Promise<T>): Promise<T> {
    if (this.#stop.aborted) throw new CommandFailure('interrupted', `Stopped before: ${title}.`);
    const started = performance.now();
    const lines: (readonly Piece[])[] = [];
    let ok = false;
    try {
      const result = await work((...pieces) => lines.push(pieces));
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
    const time = `${ms} ms`.padStart(TIME_COLUMN - title.length);
    this.#print.line(
      styled(ok ? 'green' : 'red', ok ? number : ' ✗'),
      '  ',
      styled('bold', title),
      styled('dim', time),
    );
    for (const pieces of lines) this.#print.line(...(pieces.length === 0 ? [] : ['    ', ...pieces]));
    this.#print.line();
  }
}

/** The beginning and the end of a long text. */
export function shortened(text: string, width = 48): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width * 2) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - head))}`;
}
