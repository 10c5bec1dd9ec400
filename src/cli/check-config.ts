import type { Command } from 'commander';

import type { Config } from '../config.js';
import { addCommand, type JsonOption } from './support/arguments.js';
import type { Io } from './support/io.js';
import { styled } from './support/printer.js';
import { Run } from './support/run.js';

/** `openlock check-config`: what `serve` would do, without starting anything (house rule 4). */
export function registerCheckConfig(program: Command, io: Io): void {
  addCommand(program, 'check-config', 'check the environment and show what it means, without starting anything', [
    'openlock check-config',
    'OPENLOCK_PORT=443 OPENLOCK_PUBLIC_URL=https://relay.example openlock check-config',
  ]).action((options: JsonOption) => {
    const run = new Run(io, options);
    const config = run.config();
    const shown = withoutSecrets(config);
    run.print.value({ ok: true, config: shown });
    for (const [name, value] of Object.entries(shown)) run.print.line(styled('dim', name.padEnd(20)), text(value));
    run.print.line(styled('green', 'The configuration is usable.'));
  });
}

/** The settings, with passwords in URLs replaced. */
function withoutSecrets(config: Config): Record<string, unknown> {
  const hide = (url: string | undefined): string | undefined => url?.replace(/^([a-z-]+:\/\/)[^/@]*@/i, '$1***@');
  return {
    ...config,
    redisUrl: hide(config.redisUrl),
    mailUrl: hide(config.mailUrl),
    publicUrls: config.publicUrls,
    warnings: config.warnings,
  };
}

function text(value: unknown): string {
  if (value === undefined) return '(default)';
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
