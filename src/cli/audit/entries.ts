import type { AuditSource, AuditStore, StoredEntry } from '../../store/audit-store.js';
import { styled, type Printer } from '../support/printer.js';

/** One entry with its place in its stream. Entries were written by this fleet, but hold text from outside. */
export interface TrailEntry {
  readonly stream: string;
  readonly id: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface TrailQuery {
  /** Only what concerns this door. */
  readonly door?: string;
  /** How many of the newest, over all streams, for streams without a position. */
  readonly last: number;
  /** Stream -> id of the last entry read; kept up to date. Absent: the newest are read and nothing is remembered. */
  readonly positions?: Map<string, string>;
}

const PAGE = 500;

/** Entries of one or all streams in order of time: the newest at first, behind what the bounds dropped; with `positions` what came since. */
export async function readTrail(
  store: AuditStore,
  { door, last, positions }: TrailQuery,
): Promise<readonly TrailEntry[]> {
  const isFirst = positions === undefined || positions.size === 0;
  const found: TrailEntry[] = [];
  const lost: TrailEntry[] = [];
  for (const source of await store.sources(door)) {
    // A stream that turns up while following is new from its beginning.
    found.push(...(isFirst ? await newest(store, source, last, positions) : await since(store, source, positions)));
    const dropped = isFirst ? await store.dropped(source.stream) : undefined;
    if (dropped !== undefined) lost.push({ stream: source.stream, id: '', entry: parse(dropped.text) });
  }
  if (isFirst && positions === undefined) found.push(...(await openFolds(store, door)));
  found.sort((a, b) => timeOf(a) - timeOf(b));
  return isFirst ? [...lost, ...found.slice(Math.max(0, found.length - last))] : found;
}

/** Refusals of this minute, which are still being counted. */
async function openFolds(store: AuditStore, door: string | undefined): Promise<readonly TrailEntry[]> {
  return (await store.openFolds(door))
    .map((text) => ({ stream: 'open', id: '', entry: parse(text) }))
    .filter(({ entry }) => door === undefined || entry['door'] === door);
}

async function since(
  store: AuditStore,
  { stream, isWanted }: AuditSource,
  positions: Map<string, string>,
): Promise<readonly TrailEntry[]> {
  const rows = await store.read(stream, positions.get(stream) ?? '-', PAGE);
  const final = rows.at(-1);
  if (final !== undefined) positions.set(stream, final.id);
  return trailEntries(stream, rows).filter(({ entry }) => isWanted(entry));
}

async function newest(
  store: AuditStore,
  { stream, isWanted }: AuditSource,
  last: number,
  positions: Map<string, string> | undefined,
): Promise<readonly TrailEntry[]> {
  // With `last` 0 the end of the stream must still be known, or following would start at its beginning.
  let rows = await store.newest(stream, Math.max(last, 1));
  positions?.set(stream, rows.at(-1)?.id ?? '0-0');
  if (last === 0) return [];
  let found: readonly TrailEntry[] = [];
  // Where entries are passed over, there may be more of the wanted ones further back.
  for (;;) {
    found = [...trailEntries(stream, rows).filter(({ entry }) => isWanted(entry)), ...found];
    const [first] = rows;
    if (first === undefined || found.length >= last) return found;
    rows = await store.newest(stream, PAGE, first.id);
  }
}

function trailEntries(stream: string, rows: readonly StoredEntry[]): readonly TrailEntry[] {
  return rows.map(({ id, text }) => ({ stream, id, entry: parse(text) }));
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
  const fields = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  print.line(
    styled('dim', time),
    '  ',
    styled('bold', text(kind).padEnd(19)),
    '  ',
    text(actor),
    '  ',
    fields.join(' '),
  );
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? '-'));
