import type { Command } from 'commander';

import { registerKeygen } from './firmware/keygen.js';
import { registerPublish } from './firmware/publish.js';
import { registerReleases } from './firmware/releases.js';
import { registerSign } from './firmware/sign.js';
import { registerTrust } from './firmware/trust.js';
import { registerVerify } from './firmware/verify.js';
import type { Io } from './support/io.js';

/** `openlock firmware …`: the keys, the manifests and the releases of protocol 12. */
export function registerFirmware(program: Command, io: Io): void {
  const firmware = program
    .command('firmware')
    .description('sign firmware offline, and publish it to the relays')
    .addHelpText(
      'after',
      `
keygen, sign and verify --key work offline: they open no store and no
connection, and the private key stays where they run.
The whole way, from a key on a USB stick to updated doors: docs/updates.md`,
    );
  for (const register of [
    registerKeygen,
    registerSign,
    registerVerify,
    registerPublish,
    registerReleases,
    registerTrust,
  ])
    register(firmware, io);
}
