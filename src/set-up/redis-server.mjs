// redis-server, which the relay starts as a private child of its own.
import { hasApt, installPackages } from './debian.mjs';
import { answers, must, outputOf, say, SetUpError } from './processes.mjs';

/** Functions came with Redis 7.0. */
const MINIMUM_MAJOR = 7;

function installedMajor() {
  const version = outputOf('redis-server', ['--version'])?.match(/\bv=(\d+)\./);
  return version ? Number(version[1]) : undefined;
}

/** Makes sure that a redis-server of a usable version is on the PATH. */
export async function ensureRedisServer() {
  const before = installedMajor();
  if (before !== undefined && before >= MINIMUM_MAJOR) return;
  if (before !== undefined)
    throw new SetUpError(
      `The redis-server on this machine is version ${before}; OpenLock needs ${MINIMUM_MAJOR}.0 or newer.`,
    );
  if (process.platform === 'darwin' && answers('brew', ['--version'])) {
    await must('brew install redis', 'brew', ['install', 'redis']);
  } else if (hasApt()) {
    await installPackages(['redis-server']);
  } else {
    throw new SetUpError(
      'OpenLock needs redis-server 7.0 or newer on the PATH. Please install it (package "redis" or "redis-server"), then run this again.',
    );
  }
  const after = installedMajor();
  if (after === undefined || after < MINIMUM_MAJOR)
    throw new SetUpError(
      `redis-server ${MINIMUM_MAJOR}.0 or newer is still not on the PATH; please install it by hand.`,
    );
  say('redis-server installed; its system service was not started, OpenLock runs a private one.');
}
