import { expect } from 'chai';

import { cli, testIo } from './support/cli.js';

/** Every command of protocol 11.2. */
const COMMANDS = [
  ...[
    'serve',
    'demo',
    'check-config',
    'simulate',
    'virtual-door',
    'command',
    'status',
    'audit',
    'audit export',
    'ca show',
    'ca take-key',
  ],
  ...['add', 'list', 'show', 'reset', 'disable', 'enable', 'remove', 'grant', 'revoke'].map((name) => `door ${name}`),
  ...['keygen', 'sign', 'verify', 'publish', 'list', 'show', 'withdraw', 'trust add', 'trust list', 'trust remove'].map(
    (name) => `firmware ${name}`,
  ),
  ...['rollout start', 'rollout status', 'rollout list', 'rollout pause', 'rollout resume', 'rollout cancel'],
  ...['key ban', 'key unban', 'site list', 'site block', 'site unblock'],
];

const KID = 'A'.repeat(43);

describe('usage of the command line', () => {
  for (const command of COMMANDS) {
    it(`openlock ${command} --help teaches with examples and exits 0`, async () => {
      const { code, stdout } = await cli([...command.split(' '), '--help']);
      expect(code).to.equal(0);
      expect(stdout).to.contain('Usage: openlock ').and.contain('Example').and.contain('--json');
      expect(stdout).to.match(new RegExp(`\\$ .*openlock ${command}`));
    });
  }

  const wrong: readonly (readonly string[])[] = [
    [],
    ['door'],
    ['nonsense'],
    ['door', 'nonsense'],
    ['door', 'add'],
    ['door', 'add', 'a'],
    ['door', 'add', '-x-', '--json'],
    ['door', 'add', 'front-door', '--kid', 'short'],
    ['door', 'add', 'front-door', 'too', 'many'],
    ['door', 'grant', 'front-door', 'https://a.example'],
    ['door', 'grant', 'front-door', 'https://a.example', '--role', 'owner'],
    ['door', 'grant', 'front-door', 'https://a.example', '--role', 'user', '--until', 'tomorrow'],
    [
      'door',
      'grant',
      'front-door',
      'https://a.example',
      '--role',
      'user',
      '--from',
      '2027-02-01',
      '--until',
      '2027-01-01',
    ],
    ['key', 'ban', 'x'],
    ['command', 'fly', 'front-door'],
    ['command', 'lock', 'front-door', '--hold', '5'],
    ['command', 'unlock', 'front-door', '--hold', '3600001'],
    ['command', 'configure', 'front-door', '--params', '/nowhere/at-all.json'],
    ['firmware'],
    ['firmware', 'trust'],
    ['firmware', 'sign'],
    ['firmware', 'sign', 'a.bin', '--key', 'k.pem', '--board', 'esp32dev', '--version', '1.0.0'],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32dev',
      '--version',
      '1.0',
      '--security-version',
      '1',
    ],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32 dev',
      '--version',
      '1.0.0',
      '--security-version',
      '1',
    ],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32dev',
      '--version',
      '1.0.0',
      '--security-version',
      '4294967296',
    ],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32dev',
      '--version',
      '1.0.0',
      '--security-version',
      '1',
      '--expires',
      'soon',
    ],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32dev',
      '--version',
      '1.0.0',
      '--security-version',
      '1',
      '--expires',
      '0',
    ],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32dev',
      '--version',
      '1.0.0',
      '--security-version',
      '1',
      '--expires',
      '2020-01-01',
    ],
    [
      'firmware',
      'sign',
      'a.bin',
      '--key',
      'k.pem',
      '--board',
      'esp32dev',
      '--version',
      '1.0.0',
      '--security-version',
      '1',
      '--notes',
      'n'.repeat(513),
    ],
    ['firmware', 'publish', 'a.bin'],
    ['firmware', 'verify', '.', '/dev/null'],
    ['firmware', 'keygen', '--passphrase', 'secret'],
    ['simulate'],
    ['virtual-door'],
    ['virtual-door', 'a'],
    ['simulate', '--doors', '0'],
    ['audit', '--last', '-1'],
    ['serve', '--port', '1'],
    ...['0', '65', '-1', '2.5', 'many', ''].map((count) => ['serve', '--processes', count]),
  ];
  for (const args of wrong) {
    it(`exits 2 for: openlock ${args.join(' ')}`, async () => {
      const { code, stderr } = await cli(args);
      expect(code).to.equal(2);
      expect(stderr).to.not.equal('');
    });
  }

  it('prints wrong usage as one JSON value with --json', async () => {
    const { code, stdout } = await cli(['door', 'add', '--json']);
    expect(code).to.equal(2);
    expect(JSON.parse(stdout)).to.deep.equal({
      error: { code: 'wrong_usage', detail: "missing required argument 'doorId'" },
    });
  });

  it('says what would be right, in a sentence of our own', async () => {
    const said = async (...args: string[]): Promise<string> => (await cli(args)).stderr;
    for (const text of [
      await said('door', 'add', 'ab'),
      await said('simulate', '--doors', 'ab'),
      await said('door', 'grant', 'front-door', 'https://a.example', '--role', 'ab'),
      await said('command', 'ab', 'front-door'),
      await said('rollout', 'start', '1.0.0', '--stages', 'ab'),
      await said('audit', '--last', 'ab'),
    ]) {
      expect(text)
        .to.match(/^error: /)
        .and.contain('(--help shows how it is used)');
      expect(text).to.not.match(/invalid|argument|'ab'/);
    }
    expect(await said('simulate', '--doors', '0')).to.contain('--doors is a whole number from 1 to 100000.');
    expect(await said('command', 'fly', 'front-door')).to.contain('<act> is one of unlock, lock,');
  });

  it('breaks no example in the middle of a comment, where the rest would run', async () => {
    for (const command of COMMANDS) {
      const { stdout } = await cli([...command.split(' '), '--help']);
      expect(stdout, command).to.not.match(/# .*\\$/m);
    }
  });

  it('shows defaults as one would type them', async () => {
    for (const command of COMMANDS) {
      const { stdout } = await cli([...command.split(' '), '--help']);
      expect(stdout, command).to.not.match(/\(default: .*[[{"]/);
    }
    expect((await cli(['rollout', 'start', '--help'])).stdout)
      .to.contain('(default: 1%,10%,50%,100%)')
      .and.contain('(default: 5%)');
  });

  it('takes a key id that begins with a hyphen for what it is, one or two of them', async () => {
    // Nothing is reached: a bad setting is found after the arguments.
    const io = () => testIo({ environment: { OPENLOCK_PORT: 'eighty' } });
    for (const id of [`-${'B'.repeat(41)}A`, `--${'B'.repeat(40)}A`]) {
      for (const args of [
        ['key', 'ban', id],
        ['key', 'unban', id, '--json'],
        ['key', 'ban', '--json', id],
        ['firmware', 'trust', 'remove', id],
        ['door', 'add', 'front-door', '--kid', id],
        ['door', 'reset', '--kid', id, 'front-door'],
      ]) {
        const { code, stderr } = await cli(args, io());
        expect(stderr, args.join(' ')).to.contain('OPENLOCK_PORT');
        expect(code).to.equal(1);
      }
    }
    const { code, stderr } = await cli(['door', 'list', `-${'B'.repeat(42)}`]);
    expect(code).to.equal(2);
    expect(stderr).to.not.contain('\\x00');
  });

  it('does not take --json after -- for an option', async () => {
    expect((await cli(['door', 'add', '--', '--json'])).stdout).to.equal('');
  });

  it('repeats no control character of a wrong argument', async () => {
    const { code, stderr } = await cli(['\u001b[2Jfrob']);
    expect(code).to.equal(2);
    expect(stderr).to.contain('\\x1b[2Jfrob').and.to.not.contain('\u001b');
  });

  it('takes no password as an argument', async () => {
    for (const option of ['--password', '-p'])
      expect((await cli(['command', 'unlock', 'front-door', option, 'secret'])).code).to.equal(2);
  });

  it('names the variable of a bad setting and exits 1', async () => {
    for (const args of [['check-config'], ['serve'], ['demo', '--once'], ['door', 'list'], ['key', 'ban', KID]]) {
      const { code, stdout, stderr } = await cli(
        [...args, '--json'],
        testIo({ environment: { OPENLOCK_PORT: 'eighty' } }),
      );
      expect(code, args.join(' ')).to.equal(1);
      expect(stderr).to.contain('OPENLOCK_PORT');
      const { error } = JSON.parse(stdout) as { error: { code: string; detail: string } };
      expect(error.code).to.equal('invalid_config');
      expect(error.detail).to.contain('OPENLOCK_PORT');
    }
  });

  it('checks a configuration without starting anything, and hides its passwords', async () => {
    const environment = {
      OPENLOCK_REDIS_URL: 'redis://relay:hunter2@10.0.0.5',
      OPENLOCK_MAIL_URL: 'smtp://me:hunter2@mail.example',
      OPENLOCK_TYPO: '1',
      OPENLOCK_PORT: '0',
    };
    for (const json of [[], ['--json']]) {
      const { code, stdout, stderr } = await cli(['check-config', ...json], testIo({ environment }));
      expect(code).to.equal(0);
      expect(stdout).to.contain('10.0.0.5').and.to.contain('OPENLOCK_REDIS_URL').and.to.not.contain('hunter2');
      expect(stderr).to.contain('OPENLOCK_TYPO');
    }
  });
});
