// `npm test`: every check there is, each with one closing line, and a last line that counts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { hasApt, installPackages, missingPackages } from './debian.mjs';
import { run, say } from './processes.mjs';
import { ROOT } from './project.mjs';

const FIRMWARE_RUN = 'firmware-arduino/test/run.sh';
/** One Debian package a line; `#` starts a comment. */
const FIRMWARE_PACKAGES = 'firmware-arduino/test/debian-packages.txt';

const node = (script, ...args) => [process.execPath, [join('node_modules', script), ...args]];
const mocha = (...args) => node('mocha/bin/mocha.js', '--reporter', 'dot', ...args);

/** Runs one check and returns its line of the summary. */
async function check(name, [command, args], options = {}) {
  const started = Date.now();
  const { code, output } = await run(command, args, { cwd: ROOT, ...options });
  if (code !== 0 && options.live !== true) process.stdout.write(`\n--- ${name}\n${output}\n`);
  const counts = countsOf(output);
  return { name, ok: code === 0, seconds: (Date.now() - started) / 1000, ...counts };
}

/** Mocha's closing lines. */
function countsOf(output) {
  const count = (word) => Number(output.match(new RegExp(`^ *(\\d+) ${word}`, 'm'))?.[1] ?? 0);
  return { passed: count('passing'), failed: count('failing'), skipped: count('pending') };
}

async function firmwareCheck() {
  if (!existsSync(join(ROOT, FIRMWARE_RUN))) return [];
  if (!hasApt()) {
    say('the firmware checks need Debian packages and are left out on this machine.');
    return [];
  }
  if (existsSync(join(ROOT, FIRMWARE_PACKAGES))) {
    const names = readFileSync(join(ROOT, FIRMWARE_PACKAGES), 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim());
    const missing = missingPackages(names.filter((name) => name !== ''));
    if (missing.length > 0) {
      await installPackages(missing);
      say(`Debian packages installed: ${missing.join(', ')}.`);
    }
  }
  return [await check('firmware', ['bash', [FIRMWARE_RUN]], { limitMs: 40 * 60_000 })];
}

/** Type check, lint, layers, all mocha tests (or those named in `args`), firmware. Resolves to the exit code. */
export async function runChecks(args) {
  const started = Date.now();
  const results = await Promise.all([
    check('type check', node('typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit')),
    check('lint', node('eslint/bin/eslint.js', '.')),
  ]);
  results.push(await check('layers, circles', mocha('test/architecture/**/*.test.ts')));
  // Tests look at time; nothing else runs beside them.
  results.push(await check('tests', mocha('--ignore', 'test/architecture/**', ...(args.length > 0 ? args : ['test/**/*.test.ts'])), { live: true, limitMs: 40 * 60_000 }));
  results.push(...(await firmwareCheck()));
  return summarise(results, started);
}

/** The long ones (soak, floods, thousands of sockets): test files named *.long.ts. */
export async function runLongTests(args) {
  const started = Date.now();
  const files = args.length > 0 ? args : ['test/**/*.long.ts'];
  return summarise([await check('long tests', mocha('--timeout', '600000', ...files), { live: true, limitMs: 80 * 60_000 })], started);
}

function summarise(results, startedMs) {
  const sum = (member) => results.reduce((total, result) => total + result[member], 0);
  process.stdout.write('\n');
  for (const { name, ok, seconds, passed, failed } of results) {
    const counted = passed + failed > 0 ? `  ${passed} passed, ${failed} failed` : '';
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(16)} ${seconds.toFixed(1).padStart(7)} s${counted}\n`);
  }
  const bad = results.filter((result) => !result.ok);
  const total = ((Date.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(bad.length === 0 ? `Everything passed in ${total} s.\n` : `FAILED: ${bad.map((result) => result.name).join(', ')} (${total} s).\n`);
  // A check that failed without counting anything still counts as one.
  const failed = sum('failed') + bad.filter((result) => result.failed === 0).length;
  const skipped = sum('skipped');
  process.stdout.write(`${sum('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  return bad.length === 0 ? 0 : 1;
}
