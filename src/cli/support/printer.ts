import type { Io, Sink } from './io.js';
import { visible, visibleJson } from './visible.js';

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** A piece of a line that gets a colour where there is a terminal to show it. */
export interface Styled {
  readonly text: string;
  readonly style: Style;
}

export type Piece = string | number | Styled;

const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export const styled = (style: Style, text: string | number): Styled => ({ text: String(text), style });

/**
 * The only way to standard output. Every piece passes {@link visible}, so a command cannot forget it; colours go around
 * the pieces afterwards. With `--json` there is exactly one value on standard output and lines for people are dropped.
 */
export class Printer {
  readonly json: boolean;
  readonly #out: Sink;
  readonly #error: Sink;
  readonly #colour: boolean;
  readonly #colourError: boolean;

  constructor(io: Pick<Io, 'stdout' | 'stderr' | 'environment'>, json: boolean) {
    this.json = json;
    this.#out = io.stdout;
    this.#error = io.stderr;
    const wanted = (io.environment['NO_COLOR'] ?? '') === '' && io.environment['TERM'] !== 'dumb';
    this.#colour = wanted && io.stdout.isTTY === true;
    this.#colourError = wanted && io.stderr.isTTY === true;
  }

  /** True when a person looks at standard output. */
  get interactive(): boolean {
    return !this.json && this.#out.isTTY === true;
  }

  get columns(): number {
    return this.#out.columns ?? 100;
  }

  /** A line for people on standard output. */
  line(...pieces: readonly Piece[]): void {
    if (!this.json) this.#out.write(`${join(pieces, this.#colour)}\n`);
  }

  /** A line on standard error: progress, warnings; never part of a result. */
  note(...pieces: readonly Piece[]): void {
    this.#error.write(`${join(pieces, this.#colourError)}\n`);
  }

  /** The JSON value of `--json`, on one line; does nothing without it. */
  value(value: unknown): void {
    if (this.json) this.#out.write(`${visibleJson(value)}\n`);
  }

  /** Columns, padded to their longest cell; nothing for no rows. */
  table(head: readonly string[], rows: readonly (readonly Piece[])[]): void {
    const shown = (piece: Piece): string => visible(typeof piece === 'object' ? piece.text : String(piece));
    const widths = head.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => [...shown(row[column] ?? '')].length)),
    );
    const pad = (piece: Piece, column: number): Piece => {
      const text = shown(piece) + ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...shown(piece)].length));
      return typeof piece === 'object' ? { text, style: piece.style } : text;
    };
    for (const row of [head.map((title) => styled('dim', title)), ...rows]) {
      this.line(
        ...row.flatMap((piece, column) => [
          column === 0 ? '' : '  ',
          column === head.length - 1 ? piece : pad(piece, column),
        ]),
      );
    }
  }
}

function join(pieces: readonly Piece[], colour: boolean): string {
  return pieces
    .map((piece) => {
      if (typeof piece !== 'object') return visible(String(piece));
      const text = visible(piece.text);
      return colour ? `\u001b[${CODES[piece.style]}m${text}\u001b[0m` : text;
    })
    .join('');
}
