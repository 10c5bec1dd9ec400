import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { cli, dataDir, testIo, type Outcome } from './support/cli.js';

const KID = `${'B'.repeat(42)}A`;

/** Each command is a run of its own: it starts the private redis-server, acts, and lets it go. */
describe('commands on the store, with no relay running', function () {
  this.timeout(60_000);
  const dir = dataDir();
  after(() => dir.remove());

  const openlock = (...args: string[]): Promise<Outcome> => cli(args, testIo({ environment: dir.environment }));
  const json = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await openlock(...args, '--json');
    expect(code, stderr).to.equal(0);
    expect(stdout.trimEnd().split('\n')).to.have.length(1);
    return JSON.parse(stdout);
  };
  const refusal = async (...args: string[]): Promise<string> => {
    const { code, stdout } = await openlock(...args, '--json');
    expect(code).to.equal(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; detail: string } };
    expect(error.detail).to.not.equal('');
    return error.code;
  };

  it('door add --json prints exactly what the protocol says', async () => {
    const added = (await json('door', 'add', 'front-door', '--name', 'Front \u001b[31mdoor')) as Record<
      string,
      unknown
    >;
    expect(Object.keys(added)).to.deep.equal(['doorId', 'enrolmentToken', 'expiresAt']);
    expect(added['doorId']).to.equal('front-door');
    expect(added['enrolmentToken']).to.match(/^[A-Za-z0-9_-]{32}$/);
    expect(added['expiresAt']).to.be.closeTo(Date.now() + 24 * 3600_000, 60_000);
  });

  it('the next command finds it, and shows its name without control characters', async () => {
    const list = (await json('door', 'list')) as {
      doors: { doorId: string; name: string; online: boolean; kid: null }[];
    };
    expect(list.doors).to.have.length(1);
    expect(list.doors[0]).to.include({ doorId: 'front-door', name: 'Front \u001b[31mdoor', online: false, kid: null });
    const { stdout } = await openlock('door', 'list');
    expect(stdout).to.contain('Front \\x1b[31mdoor').and.to.not.contain('\u001b');
    expect((await openlock('door', 'show', 'front-door')).stdout).to.not.contain('\u001b');
  });

  it('shows a token, and the link of the QR code, to people', async () => {
    const { stdout } = await openlock('door', 'reset', 'front-door');
    expect(stdout).to.match(
      /openlock:enrol\?v=1&relay=https%3A%2F%2Flocalhost%3A8443&door=front-door&token=[A-Za-z0-9_-]{32}\n/,
    );
    expect(stdout).to.not.contain('█');
  });

  it('draws the QR code on a terminal', async () => {
    const { stdout } = await cli(
      ['door', 'reset', 'front-door'],
      testIo({ environment: dir.environment, isTTY: true }),
    );
    expect(stdout).to.contain('█');
  });

  it('refuses what makes no sense, each with a code', async () => {
    expect(await refusal('door', 'add', 'front-door')).to.equal('invalid_request');
    for (const act of ['show', 'reset', 'disable', 'enable'])
      expect(await refusal('door', act, 'back-door'), act).to.equal('door_not_found');
    expect(await refusal('door', 'remove', 'back-door', '--yes')).to.equal('door_not_found');
    expect(await refusal('door', 'grant', 'front-door', 'https://nobody.example', '--role', 'user')).to.equal(
      'invalid_request',
    );
    expect(await refusal('door', 'revoke', 'front-door', 'https://nobody.example')).to.equal('invalid_request');
    expect(await refusal('site', 'block', 'https://nobody.example')).to.equal('not_found');
    expect(await refusal('key', 'unban', KID)).to.equal('key_not_found');
  });

  it('disables, enables, bans and removes', async () => {
    expect(await json('door', 'disable', 'front-door')).to.deep.equal({ doorId: 'front-door', done: 'disable' });
    expect(await json('door', 'show', 'front-door')).to.include({ disabled: true });
    await json('door', 'enable', 'front-door');
    expect(await json('door', 'show', 'front-door')).to.include({ disabled: false, keyBanned: false });
    expect(await json('key', 'ban', KID)).to.deep.equal({ kid: KID, banned: true });
    expect(await json('key', 'unban', KID)).to.deep.equal({ kid: KID, banned: false });
    await json('door', 'remove', 'front-door', '--yes');
    expect(await json('door', 'list')).to.deep.equal({ doors: [] });
    expect(await json('site', 'list')).to.deep.equal({ sites: [] });
  });

  it('names the operator and the target of every act in the trail, also of a ban of a key no door has', async () => {
    const { entries } = (await json('audit', '--last', '50')) as {
      entries: { kind: string; actor: string; target?: string; door?: string }[];
    };
    for (const entry of entries)
      expect(entry, entry.kind).to.include({ actor: 'cli:tester' }).and.have.property('target');
    const targets = (kind: string): readonly unknown[] =>
      entries.filter((entry) => entry.kind === kind).map(({ target }) => target);
    expect(targets('door_added')).to.deep.equal(['door:front-door']);
    expect(targets('door_removed')).to.deep.equal(['door:front-door']);
    expect(targets('key_banned')).to.deep.equal([`key:${KID}`]);
    expect(targets('key_unbanned')).to.deep.equal([`key:${KID}`]);
  });

  it('asks before it forgets a door; without a terminal it wants --yes', async () => {
    await json('door', 'add', 'kept-door');
    const { code, stdout } = await openlock('door', 'remove', 'kept-door', '--json');
    expect(code).to.equal(2);
    expect((JSON.parse(stdout) as { error: { detail: string } }).error.detail).to.contain('--yes');
    const answer = async (text: string): Promise<number> => {
      const io = testIo({ environment: dir.environment });
      const keyboard = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
      const done = cli(['door', 'remove', 'kept-door'], { ...io, stdin: keyboard as unknown as NodeJS.ReadStream });
      await io.stderr.until(/kept-door.*\[y\/N\]/);
      keyboard.end(text);
      return (await done).code;
    };
    for (const no of ['\n', 'n\n', 'yellow\n', '']) expect(await answer(no), JSON.stringify(no)).to.equal(1);
    expect(await json('door', 'show', 'kept-door')).to.include({ doorId: 'kept-door' });
    expect(await answer('yes\n')).to.equal(0);
    expect((await openlock('door', 'show', 'kept-door')).code).to.equal(1);
  });

  it('records operator acts, and exports them into a file once', async () => {
    const { entries } = (await json('audit', '--last', '50')) as {
      entries: { kind: string; actor: string; node: string; door?: string }[];
    };
    expect(entries.map(({ kind }) => kind)).to.include.members([
      'door_added',
      'door_reset',
      'door_disabled',
      'door_enabled',
      'door_removed',
    ]);
    expect(entries.every(({ actor, node }) => actor === 'cli:tester' && node === 'cli')).to.equal(true);
    expect((await openlock('audit', '--door', 'front-door')).stdout).to.contain('door_added');

    const exported = (await json('audit', 'export')) as { file: string; entries: number };
    const lines = readFileSync(exported.file, 'utf8').trimEnd().split('\n');
    expect(lines).to.have.length(exported.entries);
    expect(lines.map((line) => (JSON.parse(line) as { kind: string }).kind)).to.include('door_removed');
    expect(readdirSync(join(dir.path, 'audit'))).to.have.length(1);
    expect(await json('audit')).to.deep.equal({ entries: [] });
    expect(await json('audit', 'export')).to.deep.equal({ file: null, entries: 0 });
    expect(readdirSync(join(dir.path, 'audit'))).to.have.length(1);
  });

  it('audit --follow prints new entries as they come, one JSON value a line, until Ctrl-C', async () => {
    const io = testIo({ environment: dir.environment });
    const following = cli(['audit', '--follow', '--json', '--last', '1'], io);
    await openlock('door', 'add', 'side-door');
    await io.stdout.until(/door_added.*\n/);
    await openlock('door', 'disable', 'side-door');
    await io.stdout.until(/door_disabled.*\n/);
    io.stop();
    expect((await following).code).to.equal(0);
    const kinds = io.stdout.text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(kinds).to.deep.equal(['door_added', 'door_disabled']);
  });

  it('names the store it cannot reach, without its password', async () => {
    const io = testIo({ environment: { ...dir.environment, OPENLOCK_REDIS_URL: 'redis://me:hunter2@127.0.0.1:1/3' } });
    const { code, stdout, stderr } = await cli(['door', 'list', '--json'], io);
    expect(code).to.equal(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; detail: string } };
    expect(error.code).to.equal('store_unavailable');
    expect(error.detail).to.contain('redis://127.0.0.1:1/3').and.contain('ECONNREFUSED');
    expect(stdout + stderr).to.not.contain('hunter2');
  });

  it('says that a simulation never connected, and exits 1', async () => {
    const io = testIo({ environment: dir.environment });
    const { code, stdout } = await cli(
      ['simulate', '--doors', '2', '--relay', 'https://127.0.0.1:1', '--seconds', '1', '--json'],
      io,
    );
    expect(code).to.equal(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; statistics: object } };
    expect(error.code).to.equal('never_connected');
    expect(error.statistics).to.include({ doors: 2, connected: 0 });
  });

  it('says that there is no relay to send a command through', async () => {
    const io = testIo({ environment: { ...dir.environment, OPENLOCK_PORT: '1' } });
    const { code, stdout } = await cli(['status', 'side-door', '--json'], io);
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as { error: { code: string } }).error.code).to.equal('relay_unreachable');
  });
});
