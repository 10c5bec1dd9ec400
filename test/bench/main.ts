/** `npm run bench`: everything of issue 2's "Speed", side by side on this machine. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runBench } from './bench.js';
import { parseOptions, USAGE, UsageError } from './options.js';
import { report } from './report.js';

const RESULTS_DIR = fileURLToPath(new URL('../../bench-results', import.meta.url));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args, RESULTS_DIR);
    if (options === undefined) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { result, file } = await runBench(options, (line) => process.stderr.write(`bench: ${line}\n`));
    process.stdout.write(
      `${report(result)}\n${result.seconds.toFixed(0)} s; all figures in ${relative(process.cwd(), file)}\n`,
    );
    for (const failure of result.failures) process.stderr.write(`bench: not measured: ${failure}\n`);
    return result.failures.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    return 2;
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

process.exitCode = await main(process.argv.slice(2));
