import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

const UNIT = readFileSync(fileURLToPath(new URL('../../deploy/systemd/openlock.service', import.meta.url)), 'utf8');

describe('deploy/systemd', () => {
  it('passes systemd-analyze verify', function () {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined) {
      process.stdout.write('      systemd-analyze is not on this machine; the unit file was not verified\n');
      this.skip();
    }
    const dir = mkdtempSync(join(tmpdir(), 'openlock-unit-'));
    try {
      const path = join(dir, 'openlock.service');
      // Node is somewhere else on many machines.
      writeFileSync(path, UNIT.replaceAll('/usr/bin/node', process.execPath));
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
      expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('openlock.service'))).to.deep.equal([]);
      expect(status).to.equal(0);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
