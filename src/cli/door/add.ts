import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';

import type { Config } from '../../config.js';
import { addCommand, doorId, kid, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { styled, type Printer } from '../support/printer.js';
import { relayAddress } from '../support/relay-address.js';
import { Run } from '../support/run.js';
import { enrolmentUri } from './enrolment-uri.js';

export interface Enrolment {
  readonly doorId: string;
  readonly enrolmentToken: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export function registerDoorAdd(parent: Command, io: Io): void {
  addCommand(parent, 'add', 'make a one-time enrolment token (24 hours) for a new door', [
    'openlock door add front-door',
    'openlock door add front-door --name "Front door" --kid rj2tP0X1…   # only that key may enrol',
    'openlock door add front-door --json | jq -r .enrolmentToken',
  ])
    .argument('<doorId>', '3 to 64 letters, digits, _ or -', doorId)
    .option(
      '--kid <thumbprint>',
      'the key id printed on the door or its serial console; no other key can enrol then',
      kid,
    )
    .option('--name <text>', 'a name for people (default: the door id)')
    .action(async (id: string, options: JsonOption & { kid?: string; name?: string }) => {
      const run = new Run(io, options);
      const added = await run.operator((operator) =>
        operator.doors.add(id, {
          ...(options.kid !== undefined && { kid: options.kid }),
          ...(options.name !== undefined && { name: options.name }),
        }),
      );
      run.print.value({ doorId: added.doorId, enrolmentToken: added.enrolmentToken, expiresAt: added.expiresAt });
      printEnrolment(run.print, run.config(), added);
    });
}

/** Token, relay and, on a terminal, both as a QR code. */
export function printEnrolment(print: Printer, config: Config, enrolment: Enrolment): void {
  const relay = relayAddress(config).publicOrigin;
  const uri = enrolmentUri({ relay, doorId: enrolment.doorId, enrolmentToken: enrolment.enrolmentToken });
  print.line('door            ', styled('bold', enrolment.doorId));
  print.line('enrolment token ', styled('bold', enrolment.enrolmentToken));
  print.line('good until      ', new Date(enrolment.expiresAt).toISOString(), ', for one door key, once');
  print.line('relay           ', relay);
  print.line('as a link       ', uri);
  if (!print.interactive) return;
  print.line();
  for (const row of renderUnicodeCompact(uri, { ecc: 'M', border: 2 }).split('\n')) print.line(row);
}
