/** How wide text is on a terminal, and how it is cut and wrapped to fit; text here is visible already (see visible.ts). */
import stringWidth from 'string-width';

import type { Piece } from './pieces.js';

export const DEFAULT_COLUMNS = 80;

/** Some terminals say 0, and a pipe says nothing. */
export function columnsOf({ columns }: { readonly columns?: number }): number {
  return columns === undefined || columns === 0 ? DEFAULT_COLUMNS : columns;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

const textOf = (piece: Piece): string => (typeof piece === 'object' ? piece.text : String(piece));
const withText = (piece: Piece, text: string): Piece =>
  typeof piece === 'object' ? { text, style: piece.style } : text;

export const widthOf = (piece: Piece): number => stringWidth(textOf(piece));

const totalOf = (pieces: readonly Piece[]): number => pieces.reduce<number>((sum, piece) => sum + widthOf(piece), 0);

/** The beginning of a piece, with an ellipsis where something is missing. */
export function cutTo(piece: Piece, width: number): Piece {
  return widthOf(piece) <= width ? piece : withText(piece, `${firstOf(textOf(piece), width - 1)}…`);
}

/** A line of pieces without what stands past `width`. */
export function cropTo(line: readonly Piece[], width: number): readonly Piece[] {
  let left = width;
  return line.map((piece) => {
    const text = firstOf(textOf(piece), Math.max(0, left));
    left -= stringWidth(text);
    return withText(piece, text);
  });
}

function firstOf(text: string, width: number): string {
  let taken = '';
  let left = width;
  for (const { segment } of graphemes.segment(text)) {
    left -= stringWidth(segment);
    if (left < 0) break;
    taken += segment;
  }
  return taken;
}

export function padTo(piece: Piece, width: number): Piece {
  return withText(piece, textOf(piece) + ' '.repeat(Math.max(0, width - widthOf(piece))));
}

/**
 * A line broken between words, so that none is past `width`; later lines begin `hanging` columns in. A word that is wider
 * than a line stays whole: it may be copied from there.
 */
export function wrapAt(pieces: readonly Piece[], width: number, hanging: number): readonly (readonly Piece[])[] {
  if (totalOf(pieces) <= width) return [pieces];
  const lines: Piece[][] = [[]];
  let at = 0;
  let gap: { readonly pieces: readonly Piece[]; readonly width: number } = { pieces: [], width: 0 };
  for (const run of runsOf(pieces)) {
    const runWidth = totalOf(run.pieces);
    if (run.isGap) {
      gap = { pieces: run.pieces, width: runWidth };
      continue;
    }
    if (at > hanging && at + gap.width + runWidth > width) {
      lines.push([' '.repeat(hanging)]);
      at = hanging;
    } else {
      lines.at(-1)?.push(...gap.pieces);
      at += gap.width;
    }
    lines.at(-1)?.push(...run.pieces);
    at += runWidth;
    gap = { pieces: [], width: 0 };
  }
  return lines;
}

/** Words and the gaps between them, in order; a word may be of several styles. */
function runsOf(pieces: readonly Piece[]): readonly { readonly isGap: boolean; readonly pieces: Piece[] }[] {
  const runs: { readonly isGap: boolean; readonly pieces: Piece[] }[] = [];
  for (const piece of pieces) {
    for (const text of textOf(piece).match(/ +|[^ ]+/g) ?? []) {
      const isGap = text.startsWith(' ');
      const last = runs.at(-1);
      if (last?.isGap === isGap) last.pieces.push(withText(piece, text));
      else runs.push({ isGap, pieces: [withText(piece, text)] });
    }
  }
  return runs;
}

/** A command as a shell takes it from several lines, broken only between its parts. */
export function shellLines(parts: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + part.length <= width) lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(last === undefined ? part : `    ${part}`);
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line));
}

/** A column of a table: its title, and to how little it may be cut where the terminal is narrow (absent: never). */
export interface Column {
  readonly title: string;
  readonly atLeast?: number;
}

const GAP = 2;

/** Widths that fit into `columns`, cutting those that may be; `undefined` when even that does not fit. */
export function columnWidths(
  head: readonly Column[],
  rows: readonly (readonly Piece[])[],
  columns: number,
): readonly number[] | undefined {
  const widths = head.map(({ title }, index) =>
    Math.max(stringWidth(title), ...rows.map((row) => widthOf(row[index] ?? ''))),
  );
  let over = widths.reduce((sum, width) => sum + width, GAP * (head.length - 1)) - columns;
  while (over > 0) {
    // Always the widest one that may give way: no column is cut to nothing for the sake of another.
    const widest = head.reduce<number | undefined>((found, { title, atLeast }, index) => {
      const floor = Math.max(atLeast ?? Infinity, stringWidth(title));
      if ((widths[index] ?? 0) <= floor) return found;
      return found === undefined || (widths[index] ?? 0) > (widths[found] ?? 0) ? index : found;
    }, undefined);
    if (widest === undefined) return undefined;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
  return widths;
}
