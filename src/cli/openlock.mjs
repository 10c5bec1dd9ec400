#!/usr/bin/env node
// The command `openlock`: compiles first where there are sources newer than dist/ (a clone), and then is dist/main.js.
import '../set-up/node-version.mjs';

import { SetUpError } from '../set-up/processes.mjs';
import { ensureBuilt } from '../set-up/project.mjs';

try {
  await ensureBuilt();
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  console.error(error.message);
  process.exit(1);
}
await import('../../dist/main.js');
