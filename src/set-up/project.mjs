// The project's own parts: npm packages and the compiled dist/.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { must, say, SetUpError } from './processes.mjs';
import { buildSdk, SDK, SDK_DIST } from './sdk.mjs';

/** The project's root, also when installed as a package. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const inRoot = (path) => join(ROOT, path);
const modifiedMs = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const COMPILER = 'node_modules/typescript/bin/tsc';

/** Installs the npm packages when they are missing or older than the lock file. */
export async function ensurePackages() {
  const installed = modifiedMs(inRoot('node_modules/.package-lock.json'));
  if (installed >= modifiedMs(inRoot('package-lock.json')) && installed > 0 && existsSync(inRoot(COMPILER))) return;
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  await must('npm ci', npm, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT });
  say('npm packages installed.');
}

/** Newest modification (ms) of what is built from src/; undefined where there are no sources (installed as a package). */
function newestSourceMs() {
  if (!existsSync(inRoot('src/main.ts'))) return undefined;
  const built = relative('src', SDK_DIST);
  const sources = readdirSync(inRoot('src'), { recursive: true }).filter(
    (name) => name.endsWith('.ts') && !name.startsWith(built),
  );
  // Folders count too: a deleted or renamed source changes only its folder.
  const folders = new Set(sources.map((name) => join(name, '..')));
  const settings = ['tsconfig.json', 'tsconfig.build.json', `${SDK}/package.json`, 'src/set-up/sdk.mjs'];
  const paths = [...[...sources, ...folders].map((name) => join('src', name)), ...settings];
  return Math.max(...paths.map((path) => modifiedMs(inRoot(path))));
}

/** True when dist/ and the SDK's package are there and not older than their sources. */
export function isBuilt() {
  const newest = newestSourceMs();
  if (newest === undefined) return existsSync(inRoot('dist/main.js'));
  return modifiedMs(inRoot('dist/.built')) > newest && existsSync(inRoot(SDK_DIST));
}

/** Compiles dist/ when it is not current. `canSkip`: with no compiler (npm ci --omit=dev) say so instead of failing. */
export async function ensureBuilt({ canSkip = false } = {}) {
  if (isBuilt()) return;
  if (!existsSync(inRoot(COMPILER))) {
    const advice =
      'TypeScript is not installed. `npm ci --include=dev && npm run build` compiles OpenLock; `npm prune --omit=dev` then drops the compiler again.';
    if (!canSkip && !existsSync(inRoot('dist/main.js'))) throw new SetUpError(`dist/ is not built, and ${advice}`);
    say(
      existsSync(inRoot('dist/main.js'))
        ? 'dist/ kept as it is: TypeScript is not installed.'
        : `dist/ not built: ${advice}`,
    );
    return;
  }
  const release = await lock(inRoot('node_modules/.openlock-build'));
  try {
    if (isBuilt()) return;
    await build();
    say('dist/ and the SDK’s package built.');
  } finally {
    release();
  }
}

/** Builds beside dist/ and swaps, so that a failed build leaves the old one and no deleted source lives on. */
async function build() {
  const next = inRoot('node_modules/.openlock-dist');
  const nextSdk = inRoot('node_modules/.openlock-sdk');
  for (const folder of [next, nextSdk]) rmSync(folder, { recursive: true, force: true });
  const startedMs = Date.now();
  await must('The build', process.execPath, [COMPILER, '-p', 'tsconfig.build.json', '--outDir', next], { cwd: ROOT });
  await buildSdk({ root: ROOT, compiled: next, target: nextSdk });
  // Dated to the start: a source saved while the compiler ran is newer than what it compiled.
  writeFileSync(join(next, '.built'), '');
  utimesSync(join(next, '.built'), startedMs / 1000, startedMs / 1000);
  // A folder counts among the sources, and the SDK's is built inside of one.
  const { mtime } = statSync(inRoot(SDK));
  swap(nextSdk, inRoot(SDK_DIST));
  utimesSync(inRoot(SDK), mtime, mtime);
  swap(next, inRoot('dist'));
}

function swap(next, place) {
  rmSync(place, { recursive: true, force: true });
  renameSync(next, place);
}

/** A lock directory with its owner's process id; one left by a dead process is taken over. Returns the release. */
export async function lock(path, limitMs = 180_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      mkdirSync(path);
      writeFileSync(join(path, 'pid'), String(process.pid));
      return () => rmSync(path, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!ownerLives(path)) rmSync(path, { recursive: true, force: true });
    if (Date.now() > deadline)
      throw new SetUpError(`Another build holds ${path} for minutes; remove it if none is running.`);
    await delay(200);
  }
}

function ownerLives(path) {
  let pid;
  try {
    pid = Number(readFileSync(join(path, 'pid'), 'utf8'));
  } catch {
    // Between mkdir and the pid file; a crash exactly there is caught by age.
    return Date.now() - modifiedMs(path) < 5000;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
