/** The page of docs/sites.md, to the letter, in a browser that trusts the relay's own authority as the page says. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';
import type { Browser, BrowserContext, Page } from 'playwright-core';

import { SimulatedDoor } from '../../../src/simulator/door.js';
import { cli, testIo } from '../../cli/support/cli.js';
import { buildProject } from '../../support/build.js';
import { until } from '../../support/counting.js';
import { freePorts } from '../../support/redis.js';
import { mailedCode } from '../../support/site.js';
import { keepScreenshot, launchChromium, needChromium } from './support/chromium.js';
import { BuiltRelay, ROOT } from './support/relay.js';

const DOOR = 'front-door';
const PASSWORD = 'correct horse battery';
const run = promisify(execFile);
const docs = readFileSync(join(ROOT, 'docs/sites.md'), 'utf8');

/** The block of the page in a language, of a name if there are several. */
function block(language: string, name = ''): string {
  const [, text = ''] = new RegExp(`\`\`\`${language}\\n((?:// ${name})[\\s\\S]*?)\`\`\``).exec(docs) ?? [];
  return text;
}

describe('the SDK in a browser', function () {
  this.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), 'openlock-page-'));
  let relay: BuiltRelay;
  let door: SimulatedDoor;
  let website: ChildProcess;
  let origin: string;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const mishaps: string[] = [];

  const openlock = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await cli([...args, '--json'], testIo({ environment: relay.environment }));
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const address = (from = origin): string => `${from}/?relay=${relay.url}&door=${DOOR}&kid=${door.kid}`;
  const says = (text: string | RegExp): Promise<void> => page.locator('output', { hasText: text }).waitFor();
  const hears = (text: string): Promise<void> => page.locator('li', { hasText: text }).first().waitFor();
  const fill = async (form: string, value: string): Promise<void> => {
    await page.locator(`#${form} input`).fill(value);
    await page.locator(`#${form} button`).click();
  };

  before(async function () {
    needChromium(this);
    await buildProject();
    relay = await BuiltRelay.start();
    const { enrolmentToken } = await openlock('door', 'add', DOOR);
    door = new SimulatedDoor({
      doorId: DOOR,
      relayUrl: relay.url,
      ca: relay.ca,
      enrolmentToken: String(enrolmentToken),
      password: PASSWORD,
    });
    await door.start();

    symlinkSync(relay.dataDir, join(folder, 'data'));
    mkdirSync(join(folder, 'node_modules/@openlock'), { recursive: true });
    symlinkSync(join(ROOT, 'src/client'), join(folder, 'node_modules/@openlock/client'));
    writeFileSync(join(folder, 'index.html'), /```html\n([\s\S]*?)```/.exec(docs)?.[1] ?? '');
    writeFileSync(join(folder, 'page.js'), block('js', 'page.js'));
    writeFileSync(join(folder, 'serve.mjs'), block('js', 'serve.mjs'));
    const [port = 0] = await freePorts(1);
    website = spawn(process.execPath, ['serve.mjs'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], RELAY: relay.url, PORT: String(port) },
    });
    const [line] = (await once(website.stdout ?? website, 'data')) as [Buffer];
    origin = line.toString('utf8').trim();

    const [, trust = ''] = /```sh\n([\s\S]*?certutil[\s\S]*?)```/.exec(docs) ?? [];
    await run('sh', ['-ec', trust], { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder } });
    browser = await launchChromium(folder);
    context = await browser.newContext();
    context.setDefaultTimeout(60_000);
    page = await context.newPage();
    page.on('pageerror', (error) => mishaps.push(error.message));
  });
  afterEach(function () {
    return keepScreenshot(this, page);
  });
  after(async () => {
    await browser?.close();
    website?.kill();
    await door?.stop();
    await relay?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('signs a website in, at the relay with an authority of its own', async () => {
    await page.goto(address());
    await fill('login', 'owner@shop.example');
    await says('Write this into challenge.txt');
    const [token = ''] = /\S+$/.exec(await page.locator('output').innerText()) ?? [];
    writeFileSync(join(folder, 'challenge.txt'), token);
    await fill('code', await mailedCode(relay, origin));
    await says('Signed in as site_');
    const [siteId = ''] = /site_[\w-]+/.exec(await page.locator('output').innerText()) ?? [];
    await openlock('door', 'grant', DOOR, siteId, '--role', 'user');
    await page.reload();
    await hears('connected');
  });

  it('opens the door, reads its receipt and hears of it', async () => {
    await fill('door', PASSWORD);
    await says('The lock is unlocked, says the door.');
    await hears('unlocked');
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock']);
  });

  it("tells the door's own no from an answer", async () => {
    await fill('door', 'wrong horse battery');
    await says('Wrong password.');
    await hears('wrong_password');
  });

  it('comes back by itself after the relay was restarted, and opens the door again', async () => {
    await relay.stop();
    await hears('connection lost');
    await relay.start();
    await hears('connected again');
    await until(async () => (await openlock('status', DOOR))['online'] === true, 60_000);
    await fill('door', PASSWORD);
    await says('The lock is unlocked, says the door.');
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock', 'unlock']);
  });

  it('says so when the page is served from another origin than the site’s', async () => {
    const elsewhere = origin.replace('localhost', '127.0.0.1');
    const tokens = await page.evaluate(() => sessionStorage.getItem('openlock.tokens') ?? '');
    page = await context.newPage();
    await page.addInitScript((text) => sessionStorage.setItem('openlock.tokens', text), tokens);
    await page.goto(address(elsewhere));
    await fill('door', PASSWORD);
    await says('No answer (origin_blocked): the relay is there');
  });

  it('cannot be opened where the authority is not trusted', async () => {
    const stranger = await launchChromium(join(folder, 'node_modules'));
    try {
      page = await stranger.newPage();
      const refusal = await page.goto(address()).catch((error: Error) => error.message);
      expect(refusal).to.include('ERR_CERT_AUTHORITY_INVALID');
    } finally {
      await stranger.close();
    }
  });

  it('has had no mishap in all this', () => expect(mishaps).to.deep.equal([]));
});
