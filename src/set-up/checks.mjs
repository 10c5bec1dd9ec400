// `npm test`: every check there is, each with one closing line, and a last line that counts.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { collectFigures } from './attack-figures.mjs';
import { ensureFirmwarePackages, ensureTargetPackages, ensureVirtualDoor } from './firmware.mjs';
import { run, say, SetUpError } from './processes.mjs';
import { ROOT } from './project.mjs';

const FIRMWARE_RUN = 'firmware-arduino/test/run.sh';
const FIRMWARE_TARGETS = 'firmware-arduino/test/targets.sh';
/** For each fuzz target; `npm run fuzz` takes its time. */
const FUZZ_SECONDS = '10';

const node = (script, ...args) => [process.execPath, [join('node_modules', script), ...args]];
const mocha = (...args) => node('mocha/bin/mocha.js', '--reporter', 'src/set-up/suite-reporter.cjs', ...args);
/** Most suites wait (for a take-over, an outage, a power cut) more than they compute. */
const SUITES_AT_ONCE = String(2 * availableParallelism() + 1);
/** Suites that wait longest begin first, so that none is left alone at the end. */
const LONG_FIRST = ['test/e2e/rollouts/', 'test/attack/', 'test/e2e/', 'test/bench/', 'test/cli/', 'test/store/'];
/** Compilers and fuzzers give way to the suites, which have clocks to keep. */
const gently = ([command, args]) => ['nice', ['-n', '10', command, ...args]];

/** Runs one check and returns its line of the summary. */
async function check(name, [command, args], options = {}) {
  const started = Date.now();
  const { code, output } = await run(command, args, { cwd: ROOT, ...options });
  if (code !== 0 && options.live !== true) process.stdout.write(`\n--- ${name}\n${output}\n`);
  const counts = countsOf(output);
  return { name, ok: code === 0, seconds: (Date.now() - started) / 1000, ...counts, names: toldNames(output) };
}

/** The tests that failed, as the reporter named them, and what the firmware's checks had to leave out. */
const toldNames = (output) => output.split('\n').filter((line) => /^(FAILED|left out): /.test(line));

/** All test files but the architecture's, the longest first. */
function suites() {
  const rank = (path) => {
    const index = LONG_FIRST.findIndex((start) => path.startsWith(start));
    return index === -1 ? LONG_FIRST.length : index;
  };
  return readdirSync(join(ROOT, 'test'), { recursive: true })
    .map((name) => join('test', name))
    .filter((path) => path.endsWith('.test.ts') && !path.startsWith(join('test', 'architecture')))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** Mocha's closing lines. */
function countsOf(output) {
  const count = (word) => Number(output.match(new RegExp(`^ *(\\d+) ${word}`, 'm'))?.[1] ?? 0);
  return { passed: count('passing'), failed: count('failing'), skipped: count('pending') };
}

/** The firmware's own checks; none where its packages cannot be had. */
async function firmwareCheck(hasPackages) {
  if (!hasPackages || !existsSync(join(ROOT, FIRMWARE_RUN))) return [];
  const run = gently(['bash', [FIRMWARE_RUN, '--fuzz-seconds', FUZZ_SECONDS]]);
  return [await check('firmware', run, { limitMs: 40 * 60_000 })];
}

/**
 * The virtual door is built before the tests run it. True when packages and door are there; what could not be had is a
 * failed line in `results`, and does not keep the other checks from running.
 */
async function readyFirmware(results) {
  const started = Date.now();
  try {
    if (!(await ensureFirmwarePackages())) return false;
    await ensureVirtualDoor();
    return true;
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    say(error.message);
    const seconds = (Date.now() - started) / 1000;
    results.push({ name: 'firmware set-up', ok: false, seconds, passed: 0, failed: 0, skipped: 0, names: [] });
    return false;
  }
}

/** Type check, lint, format, layers, all mocha tests (or those named in `args`), firmware. Resolves to the exit code. */
export async function runChecks(args) {
  const started = Date.now();
  const results = [];
  const named = args.length > 0;
  const files = named ? args : suites();
  const still = Promise.all([
    check('type check', node('typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit')),
    check('lint', node('eslint/bin/eslint.js', '.')),
    check('format', node('prettier/bin/prettier.cjs', '--check', '.')),
    check('layers, circles', mocha('test/architecture/**/*.test.ts')),
  ]);
  const hasFirmware = await readyFirmware(results);
  const [tests, firmware] = await Promise.all([
    check('tests', mocha('--parallel', '--jobs', SUITES_AT_ONCE, ...files), { live: true, limitMs: 40 * 60_000 }),
    firmwareCheck(hasFirmware && !named),
  ]);
  return summarise([...results, ...(await still), tests, ...firmware], started);
}

/** The core on other machines, with other libraries; it names what cannot be had here. */
async function targetsCheck() {
  if (!existsSync(join(ROOT, FIRMWARE_TARGETS))) return [];
  try {
    await ensureTargetPackages();
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    say(error.message);
  }
  return [await check('firmware targets', ['sh', [FIRMWARE_TARGETS]], { live: true, limitMs: 40 * 60_000 })];
}

/** The long ones (soak, floods, thousands of sockets): test files named *.long.ts; before them the firmware's other targets. */
export async function runLongTests(args) {
  const started = Date.now();
  const results = [];
  const hasFirmware = await readyFirmware(results);
  const named = args.length > 0;
  const targets = hasFirmware && !named ? await targetsCheck() : [];
  const files = named ? args : ['test/**/*.long.ts'];
  return summarise(
    [
      ...results,
      ...targets,
      await check('long tests', mocha('--timeout', '600000', ...files), { live: true, limitMs: 80 * 60_000 }),
    ],
    started,
  );
}

/** The hostile-network suite in full size, one attack at a time, and its figures. */
export async function runAttacks(args) {
  const started = Date.now();
  const figures = collectFigures();
  const files = args.length > 0 ? args : ['test/attack/**/*.test.ts'];
  const limits = { live: true, limitMs: 20 * 60_000, env: { ATTACK: 'full', ATTACK_FIGURES: figures.path } };
  const result = await check('attacks', mocha('--timeout', '600000', ...files), limits);
  process.stdout.write(figures.table());
  return summarise([result], started);
}

function summarise(results, startedMs) {
  const sum = (member) => results.reduce((total, result) => total + result[member], 0);
  process.stdout.write('\n');
  for (const { name, ok, seconds, passed, failed } of results) {
    const counted = passed + failed > 0 ? `  ${passed} passed, ${failed} failed` : '';
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(16)} ${seconds.toFixed(1).padStart(7)} s${counted}\n`);
  }
  const bad = results.filter((result) => !result.ok);
  for (const name of results.flatMap(({ names }) => names)) process.stdout.write(`${name}\n`);
  const total = ((Date.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(
    bad.length === 0
      ? `Everything passed in ${total} s.\n`
      : `FAILED: ${bad.map((result) => result.name).join(', ')} (${total} s).\n`,
  );
  // A check that failed without counting anything still counts as one.
  const failed = sum('failed') + bad.filter((result) => result.failed === 0).length;
  const skipped = sum('skipped');
  process.stdout.write(`${sum('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  return bad.length === 0 ? 0 : 1;
}
