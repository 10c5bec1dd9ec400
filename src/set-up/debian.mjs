// Debian packages, as root or through a sudo that asks nothing.
import { answers, must, SetUpError } from './processes.mjs';

const isRoot = () => typeof process.getuid === 'function' && process.getuid() === 0;

/** True on machines with apt. */
export const hasApt = () => answers('apt-get', ['--version']);

/** True when this process may install packages without asking anybody. */
export const mayInstall = () => isRoot() || answers('sudo', ['-n', 'true']);

/** Those of `names` that dpkg does not know as installed. */
export const missingPackages = (names) => names.filter((name) => !answers('dpkg', ['-s', name]));

// Installing redis-server starts a system service on port 6379. Nobody asked for one: OpenLock runs a private server of its
// own. policy-rc.d is Debian's switch for "install, but do not start"; one that stands already is somebody's and stays.
const INSTALL = `
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT INT TERM
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update -q
apt-get -o DPkg::Lock::Timeout=120 install -q -y --no-install-recommends "$@"
`;

/** Installs Debian packages without starting any service they bring. */
export async function installPackages(names) {
  if (!mayInstall()) {
    throw new SetUpError(
      `Please install as an administrator, then run this again:\n  sudo apt-get update && sudo apt-get install ${names.join(' ')}`,
    );
  }
  const shell = ['sh', '-c', INSTALL, 'install', ...names];
  const [command, ...args] = isRoot() ? shell : ['sudo', '-n', ...shell];
  await must(`Installing ${names.join(', ')}`, command, args);
}
