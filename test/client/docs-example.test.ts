import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { SimulatedDoor } from '../../src/simulator/door.js';
import { buildProject } from '../support/build.js';
import { until } from '../support/counting.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { mailedCode } from '../support/site.js';

const PASSWORD = 'correct horse battery';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const docs = readFileSync(join(ROOT, 'docs/sites.md'), 'utf8');
const [, program = ''] = /```js\n(\/\/ unlock\.mjs\n[\s\S]*?)```/.exec(docs) ?? [];

describe('the example of docs/sites.md', function () {
  this.timeout(180_000);
  let redis: TestRedis;
  let relay: TestRelay;
  let door: SimulatedDoor;
  let website: Server;
  let child: ChildProcess | undefined;
  let challenge = '';
  const folder = mkdtempSync(join(tmpdir(), 'openlock-docs-'));

  before(async () => {
    await buildProject();
    // As `npm install` leaves them.
    for (const [name, place] of [
      ['@openlock/client', 'src/client'],
      ['ws', 'node_modules/ws'],
    ] as const) {
      const link = join(folder, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, place), link);
    }
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
    const running = spawn(process.execPath, ['unlock.mjs'], {
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
    writeFileSync(join(folder, 'unlock.mjs'), program);
    writeFileSync(join(folder, 'ca.pem'), relay.ca);

    const first = start(origin, 60);
    await first.says('Code from the mail: ');
    challenge = /if you do not yet:\n(\S+)/.exec(first.output())?.[1] ?? '';
    first.type(await mailedCode(relay, origin));
    await first.ended();
    expect(first.process.exitCode, first.output()).to.equal(0);
    expect(first.output(), 'without a grant there is nothing to ask a password for').to.not.contain('Password');
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
});
