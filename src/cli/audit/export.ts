import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import type { Operator } from '../../app/operator.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';

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
      const result = await run.operator((operator) => exportTrail(operator, dir));
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

/** The file has its name only when it is whole; what was written before a failure stays, since it has left the store. */
async function exportTrail({ trail }: Operator, dir: string): Promise<ExportResult> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const name = `audit-${new Date().toISOString().replaceAll(':', '').replace(/\..*/, 'Z')}-${process.pid}.jsonl`;
  const partial = join(dir, `${name}.partial`);
  const file = await open(partial, 'wx', 0o600);
  let entries: number;
  try {
    entries = await trail.drain(async (lines) => {
      await file.writeFile(lines);
      await file.sync();
    });
  } finally {
    await file.close();
    if ((await stat(partial)).size > 0) await rename(partial, join(dir, name));
    else await rm(partial);
  }
  return { file: entries === 0 ? null : join(dir, name), entries };
}
