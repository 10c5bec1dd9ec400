/** Debian's Chromium, without a window, with a home directory of its own: what it trusts lies there. */
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const SCREENSHOTS = join(tmpdir(), 'openlock-screenshots');

/** Skips where Debian's packages cannot be had; `npm test` installs them where they can. */
export function needChromium(context: Mocha.Context): void {
  if (!existsSync(CHROMIUM) && !existsSync('/usr/bin/apt-get')) context.skip();
}

export function launchChromium(home: string): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
    // The sandbox does not start for root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

/** For `afterEach`: keeps what the page looked like when its test failed, outside the repository, and says where. */
export async function keepScreenshot(context: Mocha.Context, page: Page | undefined): Promise<void> {
  const test = context.currentTest;
  if (test?.state !== 'failed' || page === undefined || page.isClosed()) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  const path = join(SCREENSHOTS, `${test.title.replaceAll(/[^a-z0-9]+/gi, '-')}.png`);
  await page.screenshot({ path, fullPage: true });
  if (test.err !== undefined) test.err.stack = `${test.err.stack ?? test.err.message}\nThe page then: ${path}`;
}
