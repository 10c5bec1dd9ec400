import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import type { AuditStore } from '../../store/audit-store.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

const PAGE = 1000;

interface ExportOptions extends JsonOption {
  readonly to?: string;
}

/** `openlock audit export`: empties the bounded streams into files, one JSON value a line (protocol 10.1). */
export function registerAuditExport(audit: Command, io: Io): void {
  addCommand(audit, 'export', 'move the recorded entries out of the store into a file, one JSON value a line', [
    'openlock audit export',
    'openlock audit export --to /var/lib/openlock/audit   # nightly, from cron or a systemd timer',
  ])
    .option('--to <dir>', 'directory for the file (default: <data dir>/audit)')
    .action(async (_: ExportOptions, command: Command) => {
      // `audit` and `audit export` both have --json; commander gives it to the first that knows it.
      const options = command.optsWithGlobals<ExportOptions>();
      const run = new Run(io, options);
      const dir = resolve(options.to ?? join(run.config().dataDir, 'audit'));
      const result = await run.operator((operator) => exportTrail(operator.auditStore, dir));
      run.print.value(result);
      run.print.line(
        result.entries === 0 ? 'Nothing to export.' : `${result.entries} entries moved to ${result.file ?? ''}`,
      );
    });
}

interface ExportResult {
  readonly file: string | null;
  readonly entries: number;
}

/** Writes page by page; entries leave the store only after their page is on the disk. A crash in between repeats a page, never loses one. */
async function exportTrail(store: AuditStore, dir: string): Promise<ExportResult> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const name = `audit-${new Date().toISOString().replaceAll(':', '').replace(/\..*/, 'Z')}-${process.pid}.jsonl`;
  const partial = join(dir, `${name}.partial`);
  const file = await open(partial, 'wx', 0o600);
  let entries = 0;
  try {
    await store.closeDoorFolds();
    for (const stream of await store.streams()) entries += await exportStream(store, stream, file);
  } finally {
    await file.close();
    // Also after a failure: what was written may have left the store.
    if ((await stat(partial)).size > 0) await rename(partial, join(dir, name));
    else await rm(partial);
  }
  return { file: entries === 0 ? null : join(dir, name), entries };
}

async function exportStream(store: AuditStore, stream: string, file: FileHandle): Promise<number> {
  let count = 0;
  for (;;) {
    const dropped = await store.dropped(stream);
    const rows = await store.read(stream, '-', PAGE);
    if (rows.length === 0) return count;
    // What is lost is told where it is missing: before the oldest entry that is left.
    const lines = [...(dropped === undefined ? [] : [dropped]), ...rows].map(({ text }) => text);
    await file.writeFile(lines.map((line) => `${line}\n`).join(''));
    await file.sync();
    await store.remove(
      stream,
      rows.map(({ id }) => id),
      dropped?.count,
    );
    count += lines.length;
  }
}
