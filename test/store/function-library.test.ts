import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { FunctionLibrary } from '../../src/store/function-library.js';
import { fleetKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { counts, countOnce } from '../support/counting.js';
import { openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';

const DAY_MS = 86_400_000;

describe('FunctionLibrary', () => {
  let redis: TestRedis;
  let link: RedisLink;
  let admin: RedisLink;
  let dir: string;

  /** A library of another version: one function that returns `answer`. */
  function libraryOf(answer: string): FunctionLibrary {
    writeFileSync(
      join(dir, '10-answer.lua'),
      `redis.register_function(PREFIX .. 'answer', function() return '${answer}' end)`,
    );
    return new FunctionLibrary(dir);
  }

  async function loaded(): Promise<readonly string[]> {
    const list = (await admin.run((client) => client.call('FUNCTION', 'LIST'))) as string[][];
    return list.map((entry) => entry[1] ?? '').sort();
  }

  beforeEach(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    admin = await openAdmin(redis);
    dir = mkdtempSync(join(tmpdir(), 'openlock-lua-'));
  });

  afterEach(async () => {
    await admin.close();
    await redis.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('lets an older and a newer version work side by side', async () => {
    const older = libraryOf('older');
    await older.load(link.client);
    const newer = libraryOf('newer');
    await newer.load(link.client);
    await older.load(link.client);
    expect(await older.call(link.client, 'answer', [], [])).to.equal('older');
    expect(await newer.call(link.client, 'answer', [], [])).to.equal('newer');
    expect(await loaded()).to.have.members(
      [link.library.hash, older.hash, newer.hash].map((hash) => `openlock_${hash}`),
    );
  });

  it('loads itself again when the server has lost it, and runs each call once', async () => {
    await admin.run((client) => client.call('FUNCTION', 'FLUSH'));
    await Promise.all(Array.from({ length: 50 }, (_, call) => countOnce(link, String(call))));
    const ran = await counts(link);
    expect(ran.size).to.equal(50);
    for (const [, count] of ran) expect(count).to.equal(1);
  });

  it('notes its use once a day, and removes what no relay has started with for a month', async () => {
    const stale = libraryOf('stale');
    await stale.load(link.client);
    const recent = libraryOf('recent');
    await recent.load(link.client);
    const [seconds] = await link.run((client) => client.time());
    const now = Number(seconds) * 1000;
    await link.run((client) =>
      client.hset(fleetKeys.libraries, { [stale.hash]: now - 31 * DAY_MS, [recent.hash]: now - 29 * DAY_MS }),
    );
    await link.library.tidy(link.client);
    expect(await loaded()).to.have.members([link.library.hash, recent.hash].map((hash) => `openlock_${hash}`));
    expect(await link.run((client) => client.hkeys(fleetKeys.libraries))).to.have.members([
      link.library.hash,
      recent.hash,
    ]);
    // A relay that runs all the same does not notice.
    expect(await stale.call(link.client, 'answer', [], [])).to.equal('stale');
  });

  it('leaves libraries alone that OpenLock did not note', async () => {
    await admin.run((client) =>
      client.call(
        'FUNCTION',
        'LOAD',
        "#!lua name=somebody_elses\nredis.register_function('f', function() return 1 end)",
      ),
    );
    await link.library.tidy(link.client);
    expect(await loaded()).to.include('somebody_elses');
  });
});
