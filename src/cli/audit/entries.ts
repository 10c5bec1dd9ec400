import { doorKeys } from '../../store/keys.js';
import type { AuditStore } from '../../store/audit-store.js';
import { styled, type Printer } from '../support/printer.js';

/** One entry with its place in its stream. Entries were written by this fleet, but hold text from outside. */
export interface TrailEntry {
  readonly stream: string;
  readonly id: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface TrailQuery {
  /** Only this door's stream. */
  readonly door?: string;
  /** How many of the newest, over all streams, for streams without a position. */
  readonly last: number;
  /** Stream -> id of the last entry read; kept up to date. Absent: the newest are read and nothing is remembered. */
  readonly positions?: Map<string, string>;
}

const PAGE = 500;

/** Entries of one or all streams in order of time: the newest at first, and with `positions` what came since. */
export async function readTrail(store: AuditStore, { door, last, positions }: TrailQuery): Promise<readonly TrailEntry[]> {
  const streams = door === undefined ? await store.streams() : [doorKeys(door).audit];
  const isFirst = positions === undefined || positions.size === 0;
  const found: TrailEntry[] = [];
  for (const stream of streams) {
    const position = positions?.get(stream);
    // A stream that turns up while following is new from its beginning.
    const rows = isFirst ? await newest(store, stream, last, positions) : await store.read(stream, position ?? '-', PAGE);
    for (const { id, text } of rows) found.push({ stream, id, entry: parse(text) });
    const final = rows.at(-1);
    if (final !== undefined) positions?.set(stream, final.id);
  }
  if (isFirst && door === undefined && positions === undefined) found.push(...(await openFolds(store)));
  found.sort((a, b) => timeOf(a) - timeOf(b));
  return isFirst ? found.slice(Math.max(0, found.length - last)) : found;
}

/** Refusals of this minute, which are still being counted. */
async function openFolds(store: AuditStore): Promise<readonly TrailEntry[]> {
  return (await store.openFolds()).map((text) => ({ stream: 'open', id: '', entry: parse(text) }));
}

async function newest(store: AuditStore, stream: string, last: number, positions: Map<string, string> | undefined) {
  // With `last` 0 the end of the stream must still be known, or following would start at its beginning.
  const rows = await store.newest(stream, Math.max(last, 1));
  positions?.set(stream, rows.at(-1)?.id ?? '0-0');
  return last === 0 ? [] : rows;
}

function timeOf({ entry, id }: TrailEntry): number {
  return typeof entry['at'] === 'number' ? entry['at'] : Number(id.split('-')[0]);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Shown as it is below: an audit trail hides nothing.
  }
  return { unreadable: text };
}

/** `2026-11-22T08:15:30.123Z  command_settled  site_4f1c…  door=front-door code=executed …` */
export function showEntry(print: Printer, { entry }: TrailEntry): void {
  const { at, kind, actor, ...rest } = entry;
  const time = typeof at === 'number' ? new Date(at).toISOString() : '-';
  const fields = Object.entries(rest).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  print.line(styled('dim', time), '  ', styled('bold', text(kind).padEnd(18)), '  ', text(actor), '  ', fields.join(' '));
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? '-'));
