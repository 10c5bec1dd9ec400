// The virtual door: the firmware's core as a program of this machine, built when it is wanted and not current.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { hasApt, installPackages, missingPackages } from './debian.mjs';
import { answers, must, outputOf, run, say, SetUpError } from './processes.mjs';
import { lock, ROOT } from './project.mjs';

const FIRMWARE = join(ROOT, 'firmware-arduino');
const BUILD = join(FIRMWARE, 'build/host');
const PROGRAM = join(BUILD, 'esplock-door');
const BUILT = join(BUILD, '.built');
/** What the program is made from. */
const SOURCES = [join(FIRMWARE, 'host'), join(FIRMWARE, 'lib')];
/** A first build takes a minute on one core of today, and this long on a loaded machine. */
const BUILD_LIMIT_MS = 20 * 60_000;

const COMPILER = 'c++';
const hasHeader = (header) => (probe) =>
  probe(COMPILER, ['-std=c++17', '-fsyntax-only', '-x', 'c++', '-include', header, '/dev/null']);

/** What building takes: the Debian package it comes in, and how to see that it is there. */
const PARTS = [
  { name: 'cmake', isThere: (probe) => probe('cmake', ['--version']) },
  { name: 'make', isThere: (probe) => probe('make', ['--version']) || probe('ninja', ['--version']) },
  { name: 'g++', isThere: (probe) => probe(COMPILER, ['--version']) },
  { name: 'libmbedtls-dev', isThere: hasHeader('psa/crypto.h') },
  { name: 'libwebsockets-dev', isThere: hasHeader('libwebsockets.h') },
];

/** Besides those: what only the checks need. */
const CHECK_PACKAGES = [
  'python3-jwcrypto',
  'prometheus',
  'nginx-light',
  'openssl',
  'curl',
  'chromium',
  'libnss3-tools',
];
/** The firmware's own lists: one Debian package a line, with its architecture in brackets where it has but one; `#` starts a comment. */
const FIRMWARE_LIST = join(FIRMWARE, 'test/debian-packages.txt');
const LONG_LIST = join(FIRMWARE, 'test/debian-packages-long.txt');

/** Debian packages the virtual door cannot be built without and that are not here. `probe`: as `answers`. */
export const missingForVirtualDoor = (probe = answers) =>
  PARTS.filter((part) => !part.isThere(probe)).map((part) => part.name);

/** False where the package was installed without the firmware's sources. */
export const hasVirtualDoorSources = () => existsSync(join(FIRMWARE, 'host/CMakeLists.txt'));

/** How to get them, in a line to type. */
export const installLine = (names) =>
  `sudo apt-get update && sudo apt-get install --no-install-recommends ${names.join(' ')}`;

/** True when the program is there and not older than its sources. */
export function isVirtualDoorBuilt() {
  return existsSync(PROGRAM) && modifiedMs(BUILT) > newestMs();
}

/** Path of the program, built when it is not current. Throws SetUpError with what is missing and how to get it. */
export async function ensureVirtualDoor({ signal } = {}) {
  if (!hasVirtualDoorSources())
    throw new SetUpError(
      'The virtual door is built from the firmware’s sources, and firmware-arduino/ is not here; it comes with a clone of OpenLock.',
    );
  if (isVirtualDoorBuilt()) return PROGRAM;
  const missing = missingForVirtualDoor();
  if (missing.length > 0) {
    throw new SetUpError(
      `The virtual door is C++ and is built on first use; for that this machine lacks: ${missing.join(', ')}.\nOn Debian or Ubuntu:\n  ${installLine(missing)}`,
    );
  }
  mkdirSync(join(FIRMWARE, 'build'), { recursive: true });
  const release = await lock(join(FIRMWARE, 'build/.host-lock'), BUILD_LIMIT_MS);
  try {
    if (!isVirtualDoorBuilt()) await build(signal);
  } finally {
    release();
  }
  return PROGRAM;
}

async function build(signal) {
  const startedMs = Date.now();
  say(
    existsSync(PROGRAM)
      ? 'the firmware’s sources are newer than the virtual door; building it again …'
      : 'building the virtual door from the firmware’s sources, once; this takes a minute or two …',
  );
  // A directory moved or copied here was configured for another place, and cmake refuses it.
  const configure = ['-S', join(FIRMWARE, 'host'), '-B', BUILD];
  if ((await run('cmake', configure, { cwd: ROOT, signal })).code !== 0) {
    rmSync(BUILD, { recursive: true, force: true });
    await must('Configuring the virtual door', 'cmake', configure, { cwd: ROOT, signal });
  }
  await must('Building the virtual door', 'cmake', ['--build', BUILD, '--parallel', String(availableParallelism())], {
    cwd: ROOT,
    limitMs: BUILD_LIMIT_MS,
    signal,
  });
  // Dated to the start: a source saved while the compiler ran is newer than what it compiled.
  writeFileSync(BUILT, '');
  utimesSync(BUILT, startedMs / 1000, startedMs / 1000);
  say(`virtual door built in ${((Date.now() - startedMs) / 1000).toFixed(0)} s.`);
}

/** Newest modification among the sources. Folders count too: a deleted source changes only its folder. */
function newestMs() {
  const paths = SOURCES.flatMap((folder) => [
    folder,
    ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name)),
  ]);
  return Math.max(...paths.map(modifiedMs));
}

function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Installs the Debian packages the firmware's checks and the virtual door's tests need. False where there is no apt. */
export async function ensureFirmwarePackages() {
  if (!hasVirtualDoorSources()) return false;
  if (!hasApt()) {
    say('the firmware checks need Debian packages and are left out on this machine.');
    return false;
  }
  // What another package or the owner's own build brought counts as there.
  const missing = [...missingForVirtualDoor(), ...missingPackages([...CHECK_PACKAGES, ...listed(FIRMWARE_LIST)])];
  await install([...new Set(missing)]);
  await install(missingFuzzerRuntime());
  return true;
}

/**
 * Installs the toolchains of other machines that firmware-arduino/test/targets.sh uses. Throws SetUpError where they cannot be
 * had; the targets say by themselves what is left out for the want of them.
 */
export async function ensureTargetPackages() {
  await install(missingPackages(listed(LONG_LIST)));
}

/** The names in a list that are meant for this machine. */
function listed(path) {
  if (!existsSync(path)) return [];
  const architecture = outputOf('dpkg', ['--print-architecture'])?.trim();
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) =>
      line
        .replace(/#.*/, '')
        .trim()
        .match(/^(\S+)(?: \[(\S+)\])?$/),
    )
    .filter((match) => match !== null && (match[2] === undefined || match[2] === architecture))
    .map(([, name]) => name);
}

async function install(names) {
  if (names.length === 0) return;
  await installPackages(names);
  say(`Debian packages installed: ${names.join(', ')}.`);
}

/** libFuzzer is a package of its own, named after the version of clang that is here. */
function missingFuzzerRuntime() {
  const folder = outputOf('clang++', ['-print-resource-dir'])?.trim();
  const major = outputOf('clang++', ['-dumpversion'])?.split('.')[0];
  if (folder === undefined || major === undefined) return [];
  const runtimes = join(folder, 'lib/linux');
  if (existsSync(runtimes) && readdirSync(runtimes).some((name) => name.startsWith('libclang_rt.fuzzer-'))) return [];
  return [`libclang-rt-${major}-dev`];
}
