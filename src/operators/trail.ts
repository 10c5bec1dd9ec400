/** The audit trail as operators read it, and empty it into files (protocol 10). */
import type { AuditSource, AuditStore, StoredEntry } from '../store/audit-store.js';

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
const DRAIN_PAGE = 1000;

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

/**
 * Moves every entry out of the store, page by page, into `write`, which resolves once its lines are safe: only then do they
 * leave the store. A crash in between repeats a page, never loses one (protocol 10.1). Resolves to how many there were.
 */
export async function drainTrail(store: AuditStore, write: (lines: string) => Promise<void>): Promise<number> {
  let count = 0;
  await store.closeDoorFolds();
  for (const stream of await store.streams()) {
    for (;;) {
      const dropped = await store.dropped(stream);
      const rows = await store.read(stream, '-', DRAIN_PAGE);
      if (rows.length === 0) break;
      // What is lost is told where it is missing: before the oldest entry that is left.
      const lines = [...(dropped === undefined ? [] : [dropped]), ...rows].map(({ text }) => text);
      await write(lines.map((line) => `${line}\n`).join(''));
      await store.remove(
        stream,
        rows.map(({ id }) => id),
        dropped?.count,
      );
      count += lines.length;
    }
  }
  return count;
}
