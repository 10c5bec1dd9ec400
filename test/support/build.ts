/** dist/ and the SDK's package, built when they are not current, as `npm run build` does it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export async function buildProject(): Promise<void> {
  await promisify(execFile)(process.execPath, ['src/set-up/set-up.mjs', 'build'], { cwd: ROOT });
}
