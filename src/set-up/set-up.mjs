// Makes everything ready, each step only when it is not, and then runs one task. Plain JavaScript without dependencies:
// it runs before there are any. `npm run demo`, `npm test`, `npm run bench` and `npm run build` all come through here.
import './node-version.mjs';

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { runAttacks, runChecks, runLongTests } from './checks.mjs';
import { SetUpError } from './processes.mjs';
import { ensureBuilt, ensurePackages, ROOT } from './project.mjs';
import { ensureRedisServer } from './redis-server.mjs';

const BENCH = 'test/bench/main.ts';

async function ready() {
  await ensurePackages();
  await ensureRedisServer();
  await ensureBuilt();
}

const tasks = {
  async demo(args) {
    await ready();
    process.argv = [process.execPath, join(ROOT, 'dist/main.js'), 'demo', ...args];
    await import('../../dist/main.js');
  },
  async test(args) {
    await ready();
    process.exitCode = await runChecks(args);
  },
  async 'test-long'(args) {
    await ready();
    process.exitCode = await runLongTests(args);
  },
  async 'test-attack'(args) {
    await ready();
    process.exitCode = await runAttacks(args);
  },
  async bench(args) {
    await ready();
    if (!existsSync(join(ROOT, BENCH))) throw new SetUpError(`There is no ${BENCH} in this tree.`);
    process.exitCode = await inForeground(process.execPath, ['--import', 'tsx', BENCH, ...args]);
  },
  // Also npm's `prepare`: never installs anything, and with --omit=dev keeps what there is.
  async build() {
    await ensureBuilt({ canSkip: process.env['npm_lifecycle_event'] === 'prepare' });
  },
};

/** A child on this terminal; Ctrl-C reaches it by itself, and its exit code is ours. */
function inForeground(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    process.on('SIGINT', () => undefined).on('SIGTERM', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const [name = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(tasks, name)) {
  console.error(`usage: node src/set-up/set-up.mjs ${Object.keys(tasks).join('|')} [arguments]`);
  process.exit(2);
}
try {
  await tasks[name](args);
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
