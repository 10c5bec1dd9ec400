import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import type { DoorAdmin } from '../../../src/operators/doors.js';
import { SimulatedDoor } from '../../../src/simulator/door.js';
import { SiteStore } from '../../../src/store/site-store.js';
import { until } from '../../support/counting.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../../support/relay.js';
import { loginTestSite, mailedCode } from '../../support/site.js';

const PASSWORD = 'correct horse battery';
const PAGE = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
/** Debian's own, which is the one that its package python3-jwcrypto is for. */
const PYTHON = '/usr/bin/python3';

/** The last block of this language on the page, which is a whole program. */
function programOf(language: string): string {
  const program = [...PAGE.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].at(-1)?.[1];
  if (program === undefined) throw new Error(`docs/protocol.md has no program in ${language} any more`);
  return program;
}

/** The complete programs of docs/protocol.md, as they stand there: nothing of ours is in them. */
describe('the programs of docs/protocol.md', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let door: SimulatedDoor;
  let website: Server;
  let origin: string;
  let challenge = '';
  const folder = mkdtempSync(join(tmpdir(), 'openlock-programs-'));
  const children: ChildProcess[] = [];
  const used = new Set<string>();

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    admin = doorAdmin(await redis.link('openlock-cli'));
    const { enrolmentToken } = await admin.add('front-door');
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
    origin = `http://127.0.0.1:${(website.address() as AddressInfo).port}`;
    writeFileSync(join(folder, 'ca.pem'), relay.ca);
    writeFileSync(join(folder, 'unlock.py'), programOf('python'));
    writeFileSync(join(folder, 'unlock.mjs'), programOf('js'));
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    website?.close();
    await door?.stop();
    await relay?.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(command: string, file: string, environment: Readonly<Record<string, string>>) {
    const child = spawn(command, [file], {
      cwd: folder,
      env: { PATH: process.env['PATH'], RELAY: relay.url, DOOR: 'front-door', KID: door.kid, ...environment },
    });
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    const closed = once(child, 'close');
    return {
      output: () => output,
      type: (line: string) => void child.stdin.write(`${line}\n`),
      says: (text: string) => until(() => output.includes(text) || child.exitCode !== null, 20_000),
      ended: async (): Promise<number | null> => {
        await closed;
        return child.exitCode;
      },
    };
  }

  /** Runs the Python program up to the question for the door's password. */
  async function pythonAsksForPassword(kid = door.kid) {
    const running = start(PYTHON, 'unlock.py', {
      EMAIL: 'protocol@example.test',
      WEBSITE: origin,
      CA: join(folder, 'ca.pem'),
      KID: kid,
    });
    await running.says('Code from the mail:');
    challenge = /Serve this text at \S+:\n(\S+)/.exec(running.output())?.[1] ?? '';
    // Not the one of the run before.
    let code = '';
    await until(async () => !used.has((code = await mailedCode(relay, origin))));
    used.add(code);
    running.type(code);
    await running.says('Password of the door:');
    return running;
  }

  it('Python: logs in, refuses another key, and opens the door', async () => {
    const ungranted = await pythonAsksForPassword();
    expect(await ungranted.ended()).to.equal(1);
    expect(ungranted.output()).to.match(/door_not_found: /);
    await admin.grant('front-door', await siteOf('protocol@example.test'), { role: 'user' });

    const other = await pythonAsksForPassword('A'.repeat(43));
    expect(await other.ended()).to.equal(1);
    expect(other.output()).to.include('not the key on the door');

    const running = await pythonAsksForPassword();
    running.type(PASSWORD);
    expect(await running.ended(), running.output()).to.equal(0);
    expect(running.output()).to.include('The door says: ok unlocked');
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock']);
  });

  it('Node: opens the door with an access token, and refuses another key', async () => {
    const site = await loginTestSite(relay, 'node@example.test');
    await admin.grant('front-door', site.siteId, { role: 'user' });
    const environment = {
      TOKEN: site.accessToken,
      PASSWORD,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    };
    const good = start(process.execPath, 'unlock.mjs', environment);
    expect(await good.ended(), good.output()).to.equal(0);
    expect(good.output()).to.include('The door says: ok unlocked');
    const bad = start(process.execPath, 'unlock.mjs', { ...environment, PASSWORD: 'not the password' });
    expect(await bad.ended()).to.equal(1);
    expect(bad.output()).to.include('The door says: bad_credential');
    const other = start(process.execPath, 'unlock.mjs', { ...environment, KID: 'A'.repeat(43) });
    expect(await other.ended()).to.equal(1);
    expect(other.output()).to.include('Not the key on the door’s label');
    await site.stop();
  });

  async function siteOf(email: string): Promise<string> {
    const sites = new SiteStore(await redis.link('reader'));
    const found = (await sites.sitesOfOrigin(origin)).find((site) => site.email === email);
    return found?.siteId ?? '';
  }
});
