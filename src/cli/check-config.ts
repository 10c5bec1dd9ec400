import type { Command } from 'commander';

import { findProblems } from '../app/preflight.js';
import { systemClock } from '../clock.js';
import { ConfigError, VARIABLES, type Config } from '../config.js';
import { addCommand, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { styled } from './support/printer.js';
import { runningRelays } from './support/relay-address.js';
import { Run } from './support/run.js';

/** `openlock check-config`: what `serve` would do, or refuse, without starting anything (house rule 4). */
export function registerCheckConfig(program: Command, io: Io): void {
  addCommand(program, 'check-config', 'check the settings and this machine, without starting anything', [
    'openlock check-config',
    'OPENLOCK_PORT=443 OPENLOCK_PUBLIC_URL=https://relay.example openlock check-config',
  ]).action(async (options: JsonOption) => {
    const run = new Run(io, options);
    const config = run.config();
    const relays = runningRelays(config.dataDir);
    const settings = settingsOf(config);
    if (!run.print.json) {
      const width = Math.max(...Object.keys(settings).map((name) => name.length)) + 2;
      for (const [name, value] of Object.entries(settings))
        run.print.line(styled('dim', name.padEnd(width)), text(value));
    }
    const problems = await findProblems(config, { clock: systemClock, ownPorts: relays.map(({ port }) => port) });
    if (problems.length > 0) throw new ConfigError(problems);
    for (const { pid, port } of relays)
      run.print.note(`A relay runs on this data dir (process ${pid}, port ${port}); its ports count as free.`);
    run.print.value({ ok: true, config: settings });
    run.print.line(styled('green', 'The configuration is usable.'));
  });
}

/** By variable; without passwords. */
function settingsOf(config: Config): Readonly<Record<string, unknown>> {
  const hide = (url: string | undefined): string | undefined =>
    url?.replace(/^([a-z-]+:\/\/)[^/@]*@/i, '$1***@').replace(/(password=)[^&]*/gi, '$1***');
  const shown = {
    ...config,
    redisUrl: hide(config.redisUrl),
    mailUrl: hide(config.mailUrl),
    tls: config.tls ? 'on' : 'off',
  };
  return Object.fromEntries(
    (Object.keys(VARIABLES) as (keyof typeof VARIABLES)[]).map((name) => [VARIABLES[name], shown[name] ?? null]),
  );
}

function text(value: unknown): string {
  if (value === null) return '(default)';
  if (Array.isArray(value)) return value.length === 0 ? '(default)' : value.join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
