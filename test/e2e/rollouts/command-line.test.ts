import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { RolloutView } from '../../../src/operators/rollout-view.js';
import { dataDir, startCli, type Outcome } from '../../cli/support/cli.js';

/** What docs/updates.md tells an operator to try before any real door is touched: a whole rollout to simulated doors, by commands alone. */
describe('a rollout by commands alone, to simulated doors', function () {
  this.timeout(120_000);
  const dir = dataDir();
  const environment = {
    ...dir.environment,
    OPENLOCK_HOST: '127.0.0.1',
    OPENLOCK_PORT: '0',
    OPENLOCK_LOG_LEVEL: 'silent',
    OPENLOCK_ADDRESS_RATE: '1000',
  };
  const file = (name: string): string => join(dir.path, name);
  let relay: ReturnType<typeof startCli>;
  let simulation: ReturnType<typeof startCli> | undefined;

  before(async () => {
    relay = startCli(['serve', '--json'], environment);
    await saidBy(relay.stdout, /publicOrigins/);
  });
  after(async () => {
    simulation?.kill('SIGINT');
    await simulation?.done;
    relay.kill('SIGTERM');
    await relay.done;
    dir.remove();
  });

  async function saidBy(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<void> {
    let text = '';
    while (stream !== null && !pattern.test(text)) text += String(((await once(stream, 'data')) as [Buffer])[0]);
  }

  async function run(...args: readonly string[]): Promise<Outcome> {
    const outcome = await startCli(args, environment).done;
    expect(outcome.code, `${args.join(' ')}: ${outcome.stderr}${outcome.stdout}`).to.equal(0);
    return outcome;
  }

  it('goes from a key to doors that run the new image', async () => {
    await run('firmware', 'keygen', '--out', file('release-key.pem'));
    writeFileSync(file('esplock.bin'), randomBytes(300_000));
    await run(
      'firmware',
      'sign',
      file('esplock.bin'),
      '--key',
      file('release-key.pem'),
      '--board',
      'simulator',
      '--version',
      '0.2.0',
      '--security-version',
      '0',
      '--out',
      file('esplock.manifest'),
    );
    await run('firmware', 'trust', 'add', file('release-key.pub.pem'));
    await run('firmware', 'publish', file('esplock.bin'), file('esplock.manifest'));
    simulation = startCli(
      ['simulate', '--doors', '6', '--release-key', file('release-key.pub.pem'), '--rate', '500', '--json'],
      environment,
    );
    await saidBy(simulation.stderr, /6\/6 connected/);
    const started = JSON.parse(
      (await run('rollout', 'start', '0.2.0', '--board', 'simulator', '--stages', '2,100%', '--soak', '0', '--json'))
        .stdout,
    ) as RolloutView;
    expect(started.total).to.equal(6);
    const followed = await run('rollout', 'status', started.rolloutId, '--follow', '--json');
    // One JSON value a change; the last says how it ended.
    const views = `[${followed.stdout.trim().replaceAll(/\n(?=\{)/g, ',\n')}]`;
    const last = (JSON.parse(views) as RolloutView[]).at(-1);
    expect(last?.state).to.equal('completed');
    expect(last?.counts.confirmed).to.equal(6);
    const again = await run('rollout', 'start', '0.2.0', '--board', 'simulator', '--soak', '0');
    expect(again.stderr).to.contain('Nobody needs 0.2.0: of 6 doors with board simulator, 6 run it already.');
    simulation.kill('SIGINT');
    const end = await simulation.done;
    simulation = undefined;
    expect(JSON.parse(end.stdout)).to.have.nested.include({
      'updates.confirmed': 6,
      'updates.bytes': 6 * 300_000,
      'updates.strays': 0,
      duplicates: 0,
    });
  });

  it('says before and after that no door needs a release', async () => {
    const { stdout, stderr } = await run('rollout', 'start', '0.2.0', '--board', 'simulator');
    expect(stderr).to.contain('No door that is meant has registered with board simulator');
    expect(stdout).to.contain('waiting for a door that needs it');
    expect((await run('rollout', 'status')).stdout)
      .to.contain('No door needs this release')
      .and.contain('It waits for one.');
    await run('rollout', 'cancel');
  });

  it('takes no private key for a release key, and says so', async () => {
    const { code, stdout } = await startCli(
      ['simulate', '--doors', '1', '--release-key', file('release-key.pem'), '--json'],
      environment,
    ).done;
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as { error: { code: string; detail: string } }).error).to.include({
      code: 'invalid_request',
    });
  });
});
