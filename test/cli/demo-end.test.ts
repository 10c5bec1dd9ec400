import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { expect } from 'chai';

import { dataDir, ROOT } from './support/cli.js';

const LIMIT_MS = 5000;

/** `npm run demo` as one types it, with whatever stands behind it in a pipe; real processes, and none may be left. */
describe('the end of the demo, through npm', function () {
  this.timeout(300_000);
  let dir: ReturnType<typeof dataDir>;

  before(() => {
    // May compile first, and build the virtual door where that is possible: no demo below has to wait for either.
    expect(
      spawnSync('npm', ['run', '--silent', 'demo', '--', '--once'], { cwd: ROOT, env: environment() }).status,
    ).to.equal(0);
  });
  beforeEach(() => {
    dir = dataDir();
  });
  afterEach(() => dir.remove());

  const environment = (): NodeJS.ProcessEnv => ({
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OPENLOCK_'))),
    OPENLOCK_PORT: '0',
    OPENLOCK_METRICS_PORT: '0',
    NO_COLOR: '1',
  });

  interface Started {
    readonly child: ChildProcess;
    readonly text: () => string;
    readonly says: (pattern: RegExp) => Promise<void>;
  }

  function start(command: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Started {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...environment(), ...dir.environment, ...more },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let text = '';
    const looks = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        for (const look of [...looks]) look();
      });
    return {
      child,
      text: () => text,
      says: (pattern) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (!pattern.test(text)) return;
            looks.delete(look);
            resolve();
          };
          looks.add(look);
          child.once('close', () => reject(new Error(`it ended without ${pattern}: ${text}`)));
          look();
        }),
    };
  }

  /** Processes of this test's demo: the relay's own by their working directory and command, the rest by the data dir they were given. */
  function ownProcesses(): readonly string[] {
    const { stdout } = spawnSync('ps', ['-eo', 'pid,args', 'e'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    return stdout.split('\n').filter((line) => line.includes(dir.path) && !/ ps -eo/.test(line));
  }

  async function goneInTime(sinceMs: number): Promise<void> {
    while (ownProcesses().length > 0 && Date.now() - sinceMs < LIMIT_MS)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ownProcesses()).to.deep.equal([]);
  }

  const UP = /simulate --doors 50/;

  it('demo | head -3 ends at once, and leaves nothing running', async () => {
    const { child, text } = start('sh', ['-c', 'npm run --silent demo | head -3']);
    await once(child, 'close');
    await goneInTime(Date.now());
    expect(text()).to.contain('A relay starts');
  });

  it('a reader that leaves when there is nothing more to say ends it', async () => {
    const { says } = start('sh', ['-c', 'npm run --silent demo | sed "/door event: locked/q"']);
    await says(/door event: locked/);
    await goneInTime(Date.now());
  });

  it('SIGTERM to npm ends it', async () => {
    const { child, says } = start('npm', ['run', '--silent', 'demo']);
    await says(UP);
    expect(ownProcesses()).to.not.deep.equal([]);
    const told = Date.now();
    child.kill('SIGTERM');
    await goneInTime(told);
  });

  it('Ctrl-C on a terminal ends it in order', async function () {
    if (process.platform !== 'linux') this.skip(); // script(1) has other arguments elsewhere
    const { child, text, says } = start('script', ['-qec', 'npm run --silent demo', '/dev/null'], { COLUMNS: '80' });
    await says(UP);
    const told = Date.now();
    child.stdin?.write('\u0003');
    await goneInTime(told);
    expect(text()).to.contain('Stopping.').and.not.contain('error');
  });

  it('of two at once on one data dir, none takes the other’s door', async () => {
    const demos = [1, 2].map(() => start('npm', ['run', '--silent', 'demo']));
    await Promise.all(demos.map(({ says }) => says(UP)));
    const texts = demos.map(({ text }) => text());
    for (const text of texts) expect(text).to.match(/All \d+ steps worked/);
    expect(texts.filter((text) => text.includes(`data in ${dir.path} `)).length).to.be.at.most(1);
    // Later ones see that it is taken, too.
    const third = start('npm', ['run', '--silent', 'demo']);
    await third.says(UP);
    for (const { text } of demos) expect(text()).to.not.contain('door offline');
    const told = Date.now();
    for (const { child } of [...demos, third]) child.kill('SIGTERM');
    await goneInTime(told);
  });
});
