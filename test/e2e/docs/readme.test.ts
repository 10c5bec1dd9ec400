import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { expect } from 'chai';

import { SimulatedDoor } from '../../../src/simulator/door.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../../support/relay.js';
import { loginTestSite, type TestSite } from '../../support/site.js';

const PASSWORD = 'correct horse battery';
const ROOT = new URL('../../../', import.meta.url);
const require = createRequire(import.meta.url);
const SNIPPET = /```js\n([\s\S]*?)```/.exec(readFileSync(new URL('README.md', ROOT), 'utf8'))?.[1] ?? '';

/** The snippet's lines are those of the page; what it takes for granted is put before it. */
describe('the first lines of code in the README', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let relay: TestRelay;
  let door: SimulatedDoor;
  let site: TestSite;
  const folder = mkdtempSync(join(tmpdir(), 'openlock-readme-'));

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    const admin = doorAdmin(await redis.link('openlock-cli'));
    const { enrolmentToken } = await admin.add('front-door');
    door = new SimulatedDoor({
      doorId: 'front-door',
      relayUrl: relay.url,
      ca: relay.ca,
      enrolmentToken,
      password: PASSWORD,
    });
    await door.start();
    site = await loginTestSite(relay);
    await admin.grant('front-door', site.siteId, { role: 'user' });
    writeFileSync(join(folder, 'ca.pem'), relay.ca);
  });
  after(async () => {
    await site?.stop();
    await door?.stop();
    await relay?.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(password: string): Promise<{ readonly code: number; readonly output: string }> {
    const ws = pathToFileURL(join(dirname(require.resolve('ws')), 'wrapper.mjs')).href;
    const tokens = { accessToken: site.accessToken, refreshToken: site.refreshToken };
    const program = `import { WebSocket as ForNode20 } from '${ws}';
globalThis.WebSocket ??= ForNode20;
const tokens = ${JSON.stringify(tokens)};
const password = ${JSON.stringify(password)};
${SNIPPET.replace("'@openlock/client'", `'${new URL('src/client/index.ts', ROOT).href}'`)
  .replace('https://relay.example', relay.url)
  .replace(/kid: '[^']+'/, `kid: '${door.kid}'`)}`;
    writeFileSync(join(folder, 'unlock.mjs'), program);
    const child = spawn(process.execPath, ['--import', pathToFileURL(require.resolve('tsx')).href, 'unlock.mjs'], {
      cwd: folder,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }

  it('are no more than fifteen, and open a door', async () => {
    expect(SNIPPET.trim().split('\n')).to.have.length.at.most(15);
    const { code, output } = await run(PASSWORD);
    expect(output).to.include('Open, says the door itself: unlocked');
    expect(code, output).to.equal(0);
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock']);
  });

  it('tell the door’s no by its reason', async () => {
    const { code, output } = await run('not the password');
    expect(output).to.include('The door says no: bad_credential');
    expect(code, output).to.equal(0);
  });
});
