import { statSync } from 'node:fs';

import type { Command } from 'commander';

import type { Published } from '../../updates/release-upload.js';
import { addCommand, type JsonOption } from '../support/arguments.js';
import type { Io } from '../support/io.js';
import { Run } from '../support/run.js';
import { imageFile } from './files.js';
import { readManifestFile } from './manifest-file.js';
import { printRelease } from './view.js';

const BAR_CELLS = 30;

const OUTCOMES: Readonly<Record<Published['outcome'], string>> = {
  published: 'Published.',
  signed_again: 'Its new manifest has replaced the old one; the image was here already.',
  unchanged: 'It was published before; nothing has changed.',
};

export function registerPublish(parent: Command, io: Io): void {
  addCommand(parent, 'publish', 'check an image and its manifest, and give both to the relays, at once or not at all', [
    'openlock firmware publish firmware.bin firmware.bin.manifest',
    'openlock firmware publish firmware.bin firmware.bin.manifest --json | jq -r .sha256',
  ])
    .argument('<image>', 'the image, at most 4 MiB')
    .argument('<manifest>', 'its manifest, signed by a trusted key (openlock firmware trust)')
    .addHelpText(
      'after',
      '\nNo door gets it before a rollout says so: openlock rollout start. The store keeps the image in memory until it is withdrawn.',
    )
    .action(async (image: string, manifest: string, options: JsonOption) => {
      const run = new Run(io, options);
      const jws = readManifestFile(manifest);
      const source = imageFile(image);
      const bar = new Bar(run, statSync(image).size);
      const { outcome, release } = await run
        .operator((operator) =>
          operator.releases.publish({ image: source, manifest: jws, onProgress: (sent) => bar.show(sent) }),
        )
        .finally(() => bar.end());
      run.print.value({ outcome, ...release });
      run.print.line(OUTCOMES[outcome]);
      printRelease(run.print, release);
    });
}

/** A bar for people who watch; `size` in bytes. */
class Bar {
  readonly #run: Run;
  readonly #size: number;
  #shown = false;

  constructor(run: Run, size: number) {
    this.#run = run;
    this.#size = size;
  }

  show(sent: number): void {
    if (this.#run.io.stderr.isTTY !== true || this.#run.print.json) return;
    const share = Math.min(1, sent / this.#size);
    const full = Math.round(share * BAR_CELLS);
    this.#run.io.stderr.write(
      `\r\u001b[Kuploading  ${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)}  ${Math.floor(share * 100)} %`,
    );
    this.#shown = true;
  }

  /** Whatever comes next begins on a line of its own. */
  end(): void {
    if (this.#shown) this.#run.io.stderr.write('\n');
  }
}
