import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { makeReleaseKey } from '../../support/releases.js';
import { startCommand, type CommandProcess } from './support/command-process.js';
import { needVirtualDoor, PASSWORD } from './support/host-door.js';

/** `openlock virtual-door` as one types it: a relay by `openlock serve`, everything else from the data dir. */
describe('openlock virtual-door', function () {
  this.timeout(90_000);
  let dataDir: string;
  let serve: CommandProcess;
  let running: CommandProcess[] = [];

  const start = (args: readonly string[], input?: string): CommandProcess => {
    const started = startCommand(
      args,
      { OPENLOCK_DATA_DIR: dataDir, OPENLOCK_HOST: '127.0.0.1', OPENLOCK_PORT: '0', OPENLOCK_LOG_LEVEL: 'silent' },
      input,
    );
    running.push(started);
    return started;
  };

  before(async function () {
    await needVirtualDoor(this);
    dataDir = mkdtempSync(join(tmpdir(), 'openlock-vdoor-cli-'));
    serve = start(['serve', '--json']);
    await serve.says(/"port":\d+/);
  });

  after(async () => {
    for (const started of running.reverse()) await started.end();
    running = [];
    if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
  });

  async function added(doorId: string): Promise<string> {
    const { stdout } = await start(['door', 'add', doorId, '--json']).done;
    return (JSON.parse(stdout) as { enrolmentToken: string }).enrolmentToken;
  }

  it('finds relay and authority by itself, takes the password from standard input, and obeys `openlock command`', async () => {
    const door = start(['virtual-door', 'front-door', '--enrol', await added('front-door')], `${PASSWORD}\n`);
    await door.says(/session {2}live/);
    expect(existsSync(join(dataDir, 'virtual-doors/front-door'))).to.equal(true);
    const command = await start(['command', 'unlock', 'front-door', '--json'], `${PASSWORD}\n`).done;
    expect(command.code, command.stderr).to.equal(0);
    expect(JSON.parse(command.stdout)).to.have.nested.property('receipt.code', 'ok');
    await door.says(/lock {5}unlocked/);
    door.child.kill('SIGTERM');
    const { code, stdout } = await door.done;
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/stopped {2}asked to\n$/)
      .and.not.contain(PASSWORD);
  });

  it('starts again with nothing but the door’s id, and passes its console on', async () => {
    const door = start(['virtual-door', 'front-door', '--json'], 'not the password: it has one\nquit\n');
    const { code, stdout, stderr } = await door.done;
    expect(code, stderr).to.equal(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find(({ t }) => t === 'door')).to.include({ doorId: 'front-door' });
    expect(lines.at(-1)).to.deep.equal({ t: 'stopped', why: 'asked to' });
  });

  it('takes release keys, up to four', async () => {
    const files = [1, 2, 3, 4, 5].map((number) => {
      const path = join(dataDir, `release-${number}.pem`);
      writeFileSync(path, makeReleaseKey().pem);
      return path;
    });
    const keys = (count: number): readonly string[] => files.slice(0, count).flatMap((path) => ['--release-key', path]);
    const four = await start(['virtual-door', 'front-door', ...keys(4)], 'show\nquit\n').done;
    expect(four.code, four.stderr).to.equal(0);
    expect(four.stdout).to.contain('releaseKeys = (set)');
    expect((await start(['virtual-door', 'front-door', ...keys(5)]).done).code).to.equal(2);
  });

  it('passes a signal on as an orderly end, and its child does not outlive it', async () => {
    const door = start(['virtual-door', 'front-door', '--json']);
    await door.says(/"state":"live"/);
    const { pid } = JSON.parse(/\{"t":"door".*\}/.exec(door.stdout())?.[0] ?? '{}') as { pid: number };
    door.child.kill('SIGINT');
    expect((await door.done).code).to.equal(0);
    expect(() => process.kill(pid, 0)).to.throw(/ESRCH/);
  });

  it('exits 1 with a line that says why: token, authority, state directory in use', async () => {
    await added('wrong-token');
    const wrong = await start(['virtual-door', 'wrong-token', '--enrol', 'A'.repeat(43), '--json'], `${PASSWORD}\n`)
      .done;
    expect(wrong.code).to.equal(1);
    expect(wrong.stderr).to.contain('registration refused (401');
    expect(JSON.parse(wrong.stdout.trim().split('\n').at(-1) ?? '')).to.have.nested.property(
      'error.code',
      'registration_refused',
    );

    const elsewhere = await start(
      [
        'virtual-door',
        'wrong-token',
        '--state-dir',
        join(dataDir, 'none'),
        '--ca',
        join(dataDir, 'tls/ca.pem'),
        '--server',
        'https://localhost:1',
      ],
      `${PASSWORD}\n`,
    ).done;
    expect(elsewhere.code).to.equal(1);
    expect(elsewhere.stderr).to.contain('cannot be reached');

    const first = start(['virtual-door', 'front-door', '--json']);
    await first.says(/"t":"door"/);
    const second = await start(['virtual-door', 'front-door']).done;
    expect(second.code).to.equal(1);
    expect(second.stderr).to.contain('another process is this door already');
    await first.end();
  });

  it('exits 2 where the password is missing', async () => {
    const token = await added('no-password');
    const { code, stderr } = await start(['virtual-door', 'no-password', '--enrol', token]).done;
    expect(code).to.equal(2);
    expect(stderr).to.contain('no door password on stdin');
  });

  it('says that no relay has run here, and what to do', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'openlock-vdoor-none-'));
    const { code, stderr } = await startCommand(['virtual-door', 'front-door'], { OPENLOCK_DATA_DIR: empty }).done;
    rmSync(empty, { recursive: true, force: true });
    expect(code).to.equal(1);
    expect(stderr).to.contain('openlock serve').and.contain('--ca');
  });
});

describe('the build of the virtual door', () => {
  it('names exactly the Debian packages that are missing, and how to get them', async () => {
    const { missingForVirtualDoor, installLine } = (await import(
      new URL('../../../src/set-up/firmware.mjs', import.meta.url).href
    )) as {
      missingForVirtualDoor: (probe: (command: string, args: readonly string[]) => boolean) => readonly string[];
      installLine: (names: readonly string[]) => string;
    };
    expect(missingForVirtualDoor(() => false)).to.deep.equal([
      'cmake',
      'make',
      'g++',
      'libmbedtls-dev',
      'libwebsockets-dev',
    ]);
    expect(missingForVirtualDoor(() => true)).to.deep.equal([]);
    const missing = missingForVirtualDoor((command, args) => command !== 'cmake' && !args.includes('libwebsockets.h'));
    expect(missing).to.deep.equal(['cmake', 'libwebsockets-dev']);
    expect(installLine(missing)).to.contain('apt-get install --no-install-recommends cmake libwebsockets-dev');
  });
});
