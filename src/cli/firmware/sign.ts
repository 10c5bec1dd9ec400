import type { Command } from 'commander';

import { systemClock } from '../../clock.js';
import { digestOf } from '../../updates/image-reader.js';
import { signManifest } from '../../updates/signing.js';
import { boardSchema, RELEASE_LIMITS, versionSchema } from '../../protocol/release.js';
import { replaceFile } from '../../files.js';
import { addCommand, isoTime, wholeNumber, type JsonOption } from '../support/arguments.js';
import { UsageError } from '../support/failure.js';
import type { Io } from '../support/io.js';
import { styled } from '../support/printer.js';
import { Run } from '../support/run.js';
import { imageFile } from './files.js';
import { signingKeyFrom } from './key-files.js';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 365;
const MAX_DAYS = 3650;
const ANYBODY_READS = 0o644;

interface SignOptions extends JsonOption {
  readonly key: string;
  readonly board: string;
  readonly version: string;
  readonly securityVersion: number;
  readonly expires?: (now: number) => number;
  readonly notes?: string;
  readonly out?: string;
}

export function registerSign(parent: Command, io: Io): void {
  addCommand(parent, 'sign', 'sign an image: makes its manifest, offline', [
    'openlock firmware sign firmware.bin --key release-key.pem --board esp32dev --version 1.3.0 --security-version 2',
    'openlock firmware sign firmware.bin --key release-key.pem --board esp32dev --version 1.3.0 --security-version 2 --expires 2027-06-30 --notes "Quieter relay"',
    'openlock firmware sign firmware.bin --key /media/usb/release-key.pem --board esp32-s3 --version 1.3.0 --security-version 2 --expires 90 --out - > s3.manifest',
  ])
    .argument('<image>', 'the image as it is written to the board, at most 4 MiB')
    .requiredOption(
      '--key <pem>',
      'the private key; for a protected one the passphrase is asked for, or read from standard input',
    )
    .requiredOption('--board <board>', 'the board it runs on; doors of any other refuse it', board)
    .requiredOption('--version <semver>', 'its version; doors take newer ones only', version)
    .requiredOption(
      '--security-version <n>',
      'doors never go below the highest they have run; raise it when an older version must not come back',
      wholeNumber('--security-version', 0, 0xffff_ffff),
    )
    .option('--expires <ISO|days>', 'no door takes it after this (default: 365 days)', expires)
    .option(
      '--notes <text>',
      `a line for people, to ${RELEASE_LIMITS.notesChars} characters; everybody can read it`,
      notes,
    )
    .option('--out <file>', 'where the manifest goes; - for standard output (default: <image>.manifest)')
    .addHelpText(
      'after',
      '\nOpens no store and no connection: the private key is read, used and forgotten on this machine. A manifest that is there is replaced.',
    )
    .action(async (image: string, options: SignOptions) => sign(new Run(io, options), image, options));
}

async function sign(run: Run, image: string, options: SignOptions): Promise<void> {
  const createdAt = systemClock.now();
  const expiresAt = options.expires?.(createdAt) ?? createdAt + DEFAULT_DAYS * DAY_MS;
  if (expiresAt <= createdAt) throw new UsageError('--expires lies in the past.');
  const digest = await digestOf(imageFile(image));
  const key = await signingKeyFrom(options.key, run);
  const { board: its, version: name, securityVersion: level } = options;
  const claims = {
    board: its,
    version: name,
    securityVersion: level,
    ...digest,
    createdAt,
    expiresAt,
    ...(options.notes !== undefined && { notes: options.notes }),
  };
  const manifest = signManifest(claims, key);
  const out = options.out ?? `${image}.manifest`;
  if (out !== '-') replaceFile(out, ANYBODY_READS, `${manifest}\n`);
  run.print.value({ file: out === '-' ? null : out, manifest, kid: key.kid, ...claims });
  if (out === '-') return run.print.line(manifest);
  run.print.line('manifest  ', styled('bold', out));
  run.print.line('release   ', `${name} for ${its}, security version ${level}`);
  run.print.line('image     ', `${digest.size} bytes, SHA-256 ${digest.sha256}`);
  run.print.line('expires   ', new Date(expiresAt).toISOString());
  run.print.line('signed by ', key.kid);
}

function board(text: string): string {
  if (!boardSchema.safeParse(text).success)
    throw new UsageError('--board is 1 to 64 letters, digits, ., _ or -, and starts with a letter or digit.');
  return text;
}

function version(text: string): string {
  if (!versionSchema.safeParse(text).success)
    throw new UsageError('--version is strict semver of at most 64 characters, such as 1.2.3 or 1.3.0-rc.1.');
  return text;
}

function notes(text: string): string {
  if (text.length > RELEASE_LIMITS.notesChars)
    throw new UsageError(`--notes has at most ${RELEASE_LIMITS.notesChars} characters.`);
  return text;
}

/** Days from the moment of signing, or a date. */
function expires(text: string): (now: number) => number {
  if (!/^[0-9]{1,4}d?$/.test(text)) {
    const at = isoTime('--expires')(text);
    return () => at;
  }
  const days = Number.parseInt(text, 10);
  if (days < 1 || days > MAX_DAYS) throw new UsageError(`--expires is 1 to ${MAX_DAYS} days, or a date.`);
  return (now) => now + days * DAY_MS;
}
