import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

const deployed = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8');
const UNIT = deployed('systemd/openlock.service');
const COMPOSE = deployed('docker/compose.yaml');

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

  it('gives Node options that it takes in its environment, the same with and without containers', () => {
    const options = /^Environment=NODE_OPTIONS=(.+)$/m.exec(UNIT)?.[1] ?? '';
    expect(/^ {6}NODE_OPTIONS: (.+)$/m.exec(COMPOSE)?.[1]).to.equal(options);
    const heapLimit = (nodeOptions: string): number => {
      const script = 'process.stdout.write(String(v8.getHeapStatistics().heap_size_limit))';
      const env = { ...process.env, NODE_OPTIONS: nodeOptions };
      return Number(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env }).stdout);
    };
    expect(heapLimit(options)).to.be.greaterThan(heapLimit(''));
  });
});
