import type { Io, Sink } from './io.js';
import { columnsOf, columnWidths, cutTo, padTo, wrapAt, type Column } from './layout.js';
import { styled, type Piece, type Style } from './pieces.js';
import { visible, visibleJson } from './visible.js';

export { styled, type Piece, type Style } from './pieces.js';

const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

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
    return columnsOf(this.#out);
  }

  /** A line for people on standard output. */
  line(...pieces: readonly Piece[]): void {
    if (!this.json) write(this.#out, pieces, this.#colour);
  }

  /** A line on standard error: progress, warnings; never part of a result. */
  note(...pieces: readonly Piece[]): void {
    write(this.#error, pieces, this.#colourError);
  }

  /** The JSON value of `--json`, on one line; does nothing without it. */
  value(value: unknown): void {
    if (this.json) this.#out.write(`${visibleJson(value)}\n`);
  }

  /**
   * Columns as wide as their longest cell; nothing for no rows. On a terminal that is too narrow, cells of columns that may
   * be are cut; where that is not enough each row becomes a block of its own, with nothing missing.
   */
  table(head: readonly (string | Column)[], rows: readonly (readonly Piece[])[]): void {
    if (this.json) return;
    const columns = head.map((column): Column => (typeof column === 'string' ? { title: column } : column));
    const cells = rows.map((row) => columns.map((_, index) => shown(row[index] ?? '')));
    const widths = columnWidths(columns, cells, this.interactive ? this.columns : Infinity);
    if (widths === undefined) return this.#blocks(columns, cells);
    for (const row of [columns.map(({ title }) => styled('dim', title)), ...cells]) {
      const fitted = row.map((piece, index) => cutTo(piece, widths[index] ?? 0));
      this.line(
        ...fitted.flatMap((piece, index) => [
          index === 0 ? '' : '  ',
          index === fitted.length - 1 ? piece : padTo(piece, widths[index] ?? 0),
        ]),
      );
    }
  }

  #blocks(columns: readonly Column[], rows: readonly (readonly Piece[])[]): void {
    const width = Math.max(...columns.map(({ title }) => title.length));
    rows.forEach((row, index) => {
      if (index > 0) this.line();
      columns.forEach(({ title }, column) => this.line(styled('dim', title.padEnd(width + 2)), row[column] ?? ''));
    });
  }

  /** A line broken between words where it is past `width`; later lines begin `hanging` columns in. */
  wrapped(width: number, hanging: number, ...pieces: readonly Piece[]): void {
    for (const line of wrapAt(pieces.map(shown), width, hanging)) this.line(...line);
  }
}

/** As it will be seen: what is measured must be what is printed. */
function shown(piece: Piece): Piece {
  return typeof piece === 'object' ? { text: visible(piece.text), style: piece.style } : visible(String(piece));
}

const HANGING = 2;

/** On a terminal a line that is too long is broken between words; elsewhere a line is one line. */
function write(sink: Sink, pieces: readonly Piece[], colour: boolean): void {
  const lines = sink.isTTY === true ? wrapAt(pieces.map(shown), columnsOf(sink), HANGING) : [pieces];
  for (const line of lines) sink.write(`${join(line, colour)}\n`);
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
