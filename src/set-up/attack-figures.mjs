// What the attacks of test/attack tell of themselves, a line of JSON each, as one table.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file for the figures, and the table of what came into it; the file is gone after that. */
export function collectFigures() {
  const dir = mkdtempSync(join(tmpdir(), 'openlock-attack-'));
  const path = join(dir, 'figures.jsonl');
  return {
    path,
    table() {
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
      rmSync(dir, { recursive: true, force: true });
      return tableOf(lines.map((line) => JSON.parse(line)));
    },
  };
}

function tableOf(figures) {
  const ms = (latencies) =>
    latencies === undefined || latencies.commands === 0
      ? '-'
      : `${latencies.p50Ms.toFixed(1)} / ${latencies.p99Ms.toFixed(1)}`;
  const rows = [
    ['attack', 'tried', 'refused', 'honest p50 / p99 ms', 'quiet'],
    ...figures.map(({ attack, tried, refused, quiet, during }) => [
      attack,
      String(tried),
      refused === undefined ? '-' : String(refused),
      ms(during),
      ms(quiet),
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.flatMap((row, index) => {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])));
    const note = figures[index - 1]?.note;
    return [cells.join('  '), ...(note === undefined ? [] : [`    ${note}`])];
  });
  return `\nrefused: as the protocol says, or cut off; the rest was served, harmless or not ended yet (see the note).\n${lines.join('\n')}\n`;
}
