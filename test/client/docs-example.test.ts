import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { expect } from 'chai';
import ts from 'typescript';

import { SimulatedDoor } from '../../src/simulator/door.js';
import { until } from '../support/counting.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { mailedCode } from '../support/site.js';

const require = createRequire(import.meta.url);
const PASSWORD = 'correct horse battery';
const ROOT = new URL('../../', import.meta.url);
const docs = readFileSync(new URL('docs/sites.md', ROOT), 'utf8');
const [program = '', page = ''] = [...docs.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);

/** The program as it stands on the page, with the SDK and ws found where they are here. */
function runnable(): string {
  const ws = pathToFileURL(join(dirname(require.resolve('ws')), 'wrapper.mjs')).href;
  return program
    .replace("'@openlock/client'", `'${new URL('src/client/index.ts', ROOT).href}'`)
    .replace("'ws'", `'${ws}'`);
}

describe('the example of docs/sites.md', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let relay: TestRelay;
  let door: SimulatedDoor;
  let website: Server;
  let child: ChildProcess | undefined;
  let challenge = '';
  const folder = mkdtempSync(join(tmpdir(), 'openlock-docs-'));

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    const { enrolmentToken } = await doorAdmin(await redis.link('openlock-cli')).add('front-door');
    door = new SimulatedDoor({
      doorId: 'front-door',
      relayUrl: relay.url,
      ca: relay.ca,
      enrolmentToken,
      password: PASSWORD,
    });
    await door.start();
    website = createServer((_request, response) => response.end(challenge));
    await new Promise<void>((resolve) => website.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    child?.kill('SIGKILL');
    website?.close();
    await door?.stop();
    await relay?.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts the program; its output so far is `output()`. */
  function start(
    origin: string,
    listenSeconds: number,
  ): {
    readonly process: ChildProcess;
    output(): string;
    type(line: string): void;
    says(text: string): Promise<void>;
    ended(): Promise<void>;
  } {
    const running = spawn(process.execPath, ['--import', pathToFileURL(require.resolve('tsx')).href, 'unlock.mjs'], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
        RELAY: relay.url,
        EMAIL: 'docs@example.test',
        WEBSITE: origin,
        DOOR: 'front-door',
        KID: door.kid,
        LISTEN_SECONDS: String(listenSeconds),
      },
    });
    child = running;
    let output = '';
    for (const stream of [running.stdout, running.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    return {
      process: running,
      output: () => output,
      type: (line) => void running.stdin.write(`${line}\n`),
      says: (text) => until(() => output.includes(text) || running.exitCode !== null, 20_000),
      ended: async () => void (running.exitCode === null && (await once(running, 'exit'))),
    };
  }

  it('logs in and keeps its tokens, opens the door and hears of it', async () => {
    const origin = `http://127.0.0.1:${(website.address() as AddressInfo).port}`;
    writeFileSync(join(folder, 'unlock.mjs'), runnable());
    writeFileSync(join(folder, 'ca.pem'), relay.ca);

    const first = start(origin, 0.001);
    await first.says('Code from the mail: ');
    challenge = /if you do not yet:\n(\S+)/.exec(first.output())?.[1] ?? '';
    first.type(await mailedCode(relay, origin));
    await first.ended();
    expect(first.process.exitCode, first.output()).to.equal(0);
    const siteId = /Signed in as (site_\S+?)\. /.exec(first.output())?.[1] ?? '';
    await doorAdmin(await redis.link('openlock-cli-2')).grant('front-door', siteId, { role: 'user' });

    const second = start(origin, 8);
    await second.says('Password of the door: ');
    second.type(PASSWORD);
    await second.ended();
    expect(second.output())
      .to.include('Doors: front-door (user, online)')
      .and.include('Open, says the door itself: ok, lock unlocked')
      .and.match(/Z unlocked/);
    expect(second.process.exitCode, second.output()).to.equal(0);
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock']);
  });

  it('and the one for browsers is JavaScript that uses only what the SDK exports', async () => {
    const { diagnostics = [] } = ts.transpileModule(page, {
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    expect(diagnostics.map(({ messageText }) => messageText)).to.deep.equal([]);
    const sdk = await import('../../src/client/index.js');
    for (const code of [program, page]) {
      const names = /import \{ ([^}]+) \} from 'openlock\/client'/.exec(code)?.[1]?.split(', ') ?? [];
      expect(names.length).to.be.greaterThan(3);
      for (const name of names) expect(sdk, name).to.have.property(name);
    }
  });
});
