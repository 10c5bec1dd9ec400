import type { TrailEntry } from '../../operators/trail.js';
import { styled, type Printer } from '../support/printer.js';

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
