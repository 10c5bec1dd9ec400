import type { Command } from 'commander';

import { sleep, systemClock } from '../clock.js';
import type { TrailEntry } from '../operators/trail.js';
import { registerAuditExport } from './audit/export.js';
import { showEntry } from './audit/entry-line.js';
import { addCommand, doorId, wholeNumber, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { Run } from './support/run.js';

interface AuditOptions extends JsonOption {
  readonly door?: string;
  readonly follow?: true;
  readonly last: number;
}

/** `openlock audit`: who did what, when (protocol 10). */
export function registerAudit(program: Command, io: Io): void {
  const audit = addCommand(program, 'audit', 'show the audit trail, or follow it', [
    'openlock audit --last 50',
    'openlock audit --door front-door --follow',
    'openlock audit --follow --json | jq .   # with --follow: one JSON value a line',
    'openlock audit export --to /var/lib/openlock/audit',
  ])
    .option('--door <doorId>', 'only this door', doorId)
    .option('--follow', 'keep printing new entries until Ctrl-C')
    .option('--last <n>', 'how many entries to start with', wholeNumber('--last', 0, 100_000), 20)
    .action(async (options: AuditOptions) => {
      const run = new Run(io, options);
      if (options.follow === true) return follow(run, options);
      const entries = await run.operator((operator) => operator.trail.read(options));
      run.print.value({ entries: entries.map(({ entry }) => entry) });
      for (const entry of entries) showEntry(run.print, entry);
      if (entries.length === 0) run.print.note('Nothing recorded yet.');
    });
  registerAuditExport(audit, io);
}

const POLL_MS = 500;

/** Prints what there is, and then what comes, until a signal. */
async function follow(run: Run, options: AuditOptions): Promise<void> {
  const stop = run.io.stopSignal();
  await run.operator(async (operator) => {
    const positions = new Map<string, string>();
    const print = ({ entry, ...rest }: TrailEntry): void => {
      run.print.value(entry);
      showEntry(run.print, { entry, ...rest });
    };
    for (const entry of await operator.trail.read({ ...options, positions })) print(entry);
    while (!stop.aborted) {
      for (const entry of await operator.trail.read({ ...options, positions })) print(entry);
      await sleep(systemClock, POLL_MS, stop);
    }
  });
}
