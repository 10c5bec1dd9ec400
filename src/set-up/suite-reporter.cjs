// Mocha's reporter for `npm test`: a line a suite while it runs, then what failed and why, then the names of what failed.
// CommonJS: mocha loads reporters with require.
const { relative } = require('node:path');

const Mocha = require('mocha');

const { EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Mocha.Runner.constants;

class SuiteReporter extends Mocha.reporters.Base {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    const fresh = () => ({ passed: 0, failed: 0, pending: 0, ms: 0 });
    let suite = fresh();
    let depth = 0;
    runner.on(EVENT_SUITE_BEGIN, ({ root }) => {
      if (!root) depth += 1;
    });
    runner.on(EVENT_TEST_PASS, (test) => {
      suite.passed += 1;
      suite.ms += test.duration ?? 0;
    });
    runner.on(EVENT_TEST_PENDING, () => {
      suite.pending += 1;
    });
    runner.on(EVENT_TEST_FAIL, (test) => {
      suite.failed += 1;
      failed.push(`${test.fullTitle()}  (${relative(process.cwd(), test.file ?? '')})`);
    });
    runner.on(EVENT_SUITE_END, ({ root, title, file }) => {
      if (root) return;
      depth -= 1;
      if (depth > 0) return;
      process.stdout.write(`${lineOf(suite, title, file)}\n`);
      suite = fresh();
    });
    runner.on(EVENT_RUN_END, () => {
      this.epilogue();
      for (const name of failed) process.stdout.write(`FAILED: ${name}\n`);
    });
  }
}

function lineOf({ passed, failed, pending, ms }, title, file) {
  const counts = `${passed} passed${failed > 0 ? `, ${failed} FAILED` : ''}${pending > 0 ? `, ${pending} skipped` : ''}`;
  const where = file === undefined ? '' : `  ${relative(process.cwd(), file)}`;
  return `${failed > 0 ? 'FAIL' : 'ok  '}  ${(ms / 1000).toFixed(1).padStart(6)} s  ${counts.padEnd(12)}  ${title}${where}`;
}

module.exports = SuiteReporter;
