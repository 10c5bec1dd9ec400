import { rmSync } from 'node:fs';

import type { Command } from 'commander';

import { systemRandom } from '../../clock.js';
import { generateReleaseKey } from '../../updates/release-keys.js';
import { addCommand, optionWithDefault, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { readNewPassphrase } from '../support/password.js';
import { styled } from '../support/printer.js';
import { Run } from '../support/run.js';
import { isReadableByOthers, refuseExisting, writeNewFile } from './files.js';

const OWNER_ONLY = 0o600;
const ANYBODY_READS = 0o644;
const SHORT_PASSPHRASE = 12;

interface KeygenOptions extends JsonOption {
  readonly out: string;
  readonly passphrase?: true;
}

export function registerKeygen(parent: Command, io: Io): void {
  addCommand(parent, 'keygen', 'make the key that signs releases: offline, the private half never gets near a relay', [
    'openlock firmware keygen --passphrase',
    'openlock firmware keygen --passphrase --out /media/usb/release-2027.pem',
    'openlock firmware keygen --passphrase --json < passphrase.txt   # the first line of standard input',
  ])
    .addOption(
      optionWithDefault(
        '--out <file>',
        'where the private key goes; the public one goes beside it, as <file>.pub.pem',
        String,
        'release-key.pem',
      ),
    )
    .option('--passphrase', 'protect the private key with a passphrase, asked for twice or read from standard input')
    .addHelpText('after', '\nEC P-256, as PEM (PKCS#8). Opens no store and no connection, and replaces no file.')
    .action(async (options: KeygenOptions) => {
      const run = new Run(io, options);
      const { out } = options;
      const publicOut = publicNameOf(out);
      refuseExisting([out, publicOut]);
      const passphrase = options.passphrase === true ? await readNewPassphrase(io) : undefined;
      if (passphrase !== undefined && [...passphrase].length < SHORT_PASSPHRASE)
        run.print.note(
          'warning: a passphrase this short can be guessed by whoever finds the key; five words are better.',
        );
      const made = generateReleaseKey(systemRandom, passphrase);
      writeNewFile(publicOut, ANYBODY_READS, made.pem);
      try {
        writeNewFile(out, OWNER_ONLY, made.privatePem);
      } catch (error) {
        rmSync(publicOut, { force: true });
        throw error;
      }
      if (isReadableByOthers(out)) run.print.note('warning: the file system of ', out, ' lets others read it.');
      run.print.value({ privateKey: out, publicKey: publicOut, kid: made.kid, encrypted: passphrase !== undefined });
      run.print.line(
        'private key  ',
        styled('bold', out),
        passphrase === undefined ? '   not protected by a passphrase' : '   protected by the passphrase',
      );
      run.print.line('public key   ', styled('bold', publicOut));
      run.print.line('key id       ', made.kid);
      run.print.note(
        'Keep the private key, and a copy of it, away from the relay. Relays and doors get the public one: openlock firmware trust add ',
        publicOut,
      );
    });
}

/** `release-key.pem` -> `release-key.pub.pem`. */
export function publicNameOf(file: string): string {
  return `${file.replace(/\.pem$/, '')}.pub.pem`;
}
