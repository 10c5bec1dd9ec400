import type { Command } from 'commander';

import { systemClock } from '../../clock.js';
import { digestOf } from '../../updates/image-reader.js';
import { checkImage, verifyManifest } from '../../updates/signing.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { styled } from '../support/printer.js';
import { Run } from '../support/run.js';
import { imageFile } from './files.js';
import { releaseKeyFrom } from './key-files.js';
import { readManifestFile } from './manifest-file.js';

interface VerifyOptions extends JsonOption {
  readonly key?: readonly string[];
}

export function registerVerify(parent: Command, io: Io): void {
  addCommand(parent, 'verify', 'check an image against its manifest, as a relay and a door would', [
    'openlock firmware verify firmware.bin firmware.bin.manifest --key release-key.pub.pem   # offline',
    'openlock firmware verify firmware.bin firmware.bin.manifest                             # with the keys this relay trusts',
  ])
    .argument('<image>', 'the image')
    .argument('<manifest>', 'its manifest')
    .option(
      '--key <public pem>',
      'a key that may have signed it; may be given several times, and then no store is opened',
      (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
    )
    .addHelpText(
      'after',
      '\nLooks at signature, key, product, expiry, size and hash. Board, version and security version are for each door to judge.',
    )
    .action(async (image: string, manifest: string, options: VerifyOptions) => {
      const run = new Run(io, options);
      const jws = readManifestFile(manifest);
      const digest = await digestOf(imageFile(image));
      const keys =
        options.key?.map(releaseKeyFrom) ?? (await run.operator((operator) => operator.releases.trustedKeys()));
      const form = verifyManifest(jws, keys, systemClock.now());
      checkImage(form, digest);
      const { claims } = form;
      run.print.value({ valid: true, kid: form.kid, ...claims });
      run.print.line(
        styled('green', 'good'),
        `  ${claims.version} for ${claims.board}, security version ${claims.securityVersion}, ${claims.size} bytes`,
      );
      run.print.line('signed by ', form.kid, options.key === undefined ? ', which this relay trusts' : '');
      run.print.line('expires   ', new Date(claims.expiresAt).toISOString());
    });
}
