import { expect } from 'chai';

import { doorList, failureLimit, stages } from '../../src/cli/rollout/shares.js';
import { rolloutLines } from '../../src/cli/rollout/table.js';
import type { RolloutView } from '../../src/operators/rollout-view.js';
import { cli, dataDir, testIo } from './support/cli.js';

const view: RolloutView = {
  rolloutId: 'r-0011223344',
  state: 'halted',
  reason: '2 failed, and the limit is 1',
  release: { sha256: 'a'.repeat(64), version: '1.1.0', board: 'esp32dev', size: 1_500_000 },
  startedAt: 1_800_000_000_000,
  stage: 2,
  stages: [
    { stage: 1, share: '10%', doors: 2, state: 'done', counts: { confirmed: 2 } },
    { stage: 2, share: '50%', doors: 10, state: 'open', counts: { confirmed: 4, rolled_back: 2, downloading: 1 } },
    { stage: 3, share: '100%', doors: 20, state: 'waiting', counts: {} },
  ],
  counts: {
    waiting: 11,
    offered: 0,
    refused: 0,
    downloading: 1,
    verified: 0,
    rebooting: 0,
    confirmed: 6,
    rolled_back: 2,
    failed: 0,
    timed_out: 0,
  },
  total: 20,
  failures: 2,
  maxFailures: '1',
  bytesSent: 1,
  doors: [
    { doorId: 'door-1', state: 'rolled_back', code: 'boot_failed', stage: 2, at: 1_800_000_009_000, online: true },
    { doorId: 'door-2', state: 'rolled_back', stage: 2, at: 1_800_000_005_000, online: true },
    { doorId: 'door-3', state: 'downloading', percent: 42, stage: 2, at: 1_800_000_009_000, online: false },
  ],
};

const text = (line: readonly (string | number | { text: string })[]): string =>
  line.map((piece) => (typeof piece === 'object' ? piece.text : String(piece))).join('');

describe('openlock rollout', () => {
  it('reads stages, limits and doors', () => {
    expect(stages('1%,10%,50%,100%')).to.deep.equal([
      { percent: 1 },
      { percent: 10 },
      { percent: 50 },
      { percent: 100 },
    ]);
    expect(stages('1, 5, 0.5%,100%')).to.deep.equal([{ count: 1 }, { count: 5 }, { percent: 0.5 }, { percent: 100 }]);
    expect(failureLimit('5%')).to.deep.equal({ percent: 5 });
    expect(failureLimit('0')).to.deep.equal({ count: 0 });
    expect(doorList('door-1, door-2')).to.deep.equal(['door-1', 'door-2']);
  });

  it('refuses stages that are none, or do not rise', () => {
    for (const wrong of [
      '',
      '0%',
      '0',
      '101%',
      '50%,10%',
      '10%,10%',
      '5,5',
      '10%;100%',
      '-1',
      '1e3',
      '10%,',
      'all',
      Array.from({ length: 21 }, (_, i) => i + 1).join(','),
    ]) {
      expect(() => stages(wrong), wrong).to.throw(/percentages or numbers/);
    }
    for (const wrong of ['', '-1', '5 %', '101%', 'x'])
      expect(() => failureLimit(wrong), wrong).to.throw(/--max-failures is/);
    expect(() => doorList('a')).to.throw(/door id/);
  });

  it('draws a bar for each stage, what is under way, and the last failures', () => {
    const lines = rolloutLines(view, 120, 1_800_000_010_000).map(text);
    expect(lines).to.deep.equal([
      'r-0011223344  halted  1.1.0 for esp32dev, started 10 s ago',
      'because 2 failed, and the limit is 1',
      `stage 1  10%   [${'#'.repeat(30)}]    2/2  done`,
      `stage 2  50%   [${'#'.repeat(15)}${'!'.repeat(8)}${'-'.repeat(3)}${'.'.repeat(4)}]    6/8  open`,
      `stage 3  100%  [${'.'.repeat(30)}]    0/10  waiting`,
      '11 waiting, 1 downloading, 6 confirmed, 2 rolled_back   failures 2 of at most 1',
      '  door-3  downloading 42%  offline',
      'last failures',
      '  door-1  rolled_back  boot_failed  1 s ago',
      '  door-2  rolled_back  5 s ago',
    ]);
  });

  it('says that no door needs it, and whether it waits for one', () => {
    const nobody = { ...view, total: 0, doors: [], counts: { ...view.counts, confirmed: 0 } };
    expect(rolloutLines({ ...nobody, state: 'running' }, 120).map(text)).to.include(
      'No door needs this release: none has registered with an older version. It waits for one.',
    );
    expect(rolloutLines({ ...nobody, state: 'completed', counts: view.counts }, 120).map(text)).to.include(
      'No door needs this release: 6 run it already.',
    );
    expect(rolloutLines(view, 120).map(text).join()).to.not.contain('No door');
  });

  it('keeps every line within a narrow terminal, so that redrawing works', () => {
    for (const line of rolloutLines(view, 40)) expect(text(line).length).to.be.below(40);
  });

  describe('with no relay running', function () {
    this.timeout(60_000);
    const dir = dataDir();
    after(() => dir.remove());

    const errorOf = async (...args: string[]): Promise<string> => {
      const { code, stdout } = await cli([...args, '--json'], testIo({ environment: dir.environment }));
      const { error } = JSON.parse(stdout) as { error: { code: string } };
      return `${code} ${error.code}`;
    };

    it('refuses what is not there, each with a code', async () => {
      expect(await errorOf('rollout', 'start', '1.2.3')).to.equal('1 not_found');
      for (const act of ['status', 'pause', 'resume', 'cancel']) {
        expect(await errorOf('rollout', act), act).to.equal('1 not_found');
        expect(await errorOf('rollout', act, 'r-none'), act).to.equal('1 not_found');
      }
    });

    it('calls wrong arguments wrong usage', async () => {
      for (const args of [
        ['--stages', '50%,10%'],
        ['--max-failures', 'many'],
        ['--soak', '-1'],
        ['--doors', 'x'],
        ['--doors', 'door-1', '--board', 'b'],
      ]) {
        expect(await errorOf('rollout', 'start', '1.2.3', ...args), args.join(' ')).to.match(/^2 /);
      }
    });

    it('lists nothing yet, and says how to begin', async () => {
      const { code, stdout } = await cli(['rollout', 'list'], testIo({ environment: dir.environment }));
      expect(code).to.equal(0);
      expect(stdout).to.contain('openlock rollout start');
    });
  });
});
