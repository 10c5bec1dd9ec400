import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { DirectoryStore, type PersistedDoor } from '../../src/simulator/store.js';

describe('DirectoryStore', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'openlock-door-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const state = (mark: number): PersistedDoor => ({
    version: 1,
    key: 'pem',
    mark,
    epoch: 0,
    guard: { bad: 0, lockOuts: 0, locked: false },
    settings: {
      doorId: 'front',
      serverAddress: 'https://relay.example',
      doorPassword: 'secret-1',
      failSafe: 'keep',
      failSafeAfterMs: 0,
      autoRelockMs: 0,
      releaseKeys: [],
    },
  });

  it('has nothing at first, and then what was saved last', async () => {
    const store = new DirectoryStore(join(dir, 'new'));
    expect(await store.load()).to.equal(undefined);
    await Promise.all([1, 2, 3, 4, 5].map((mark) => store.save(state(mark))));
    expect((await new DirectoryStore(join(dir, 'new')).load())?.mark).to.equal(5);
  });

  it('leaves one file, readable by its owner only', async () => {
    await new DirectoryStore(dir).save(state(1));
    expect(readdirSync(dir)).to.deep.equal(['door.json']);
    expect(statSync(join(dir, 'door.json')).mode & 0o777).to.equal(0o600);
  });

  it('rejects when it cannot write, and goes on afterwards', async () => {
    writeFileSync(join(dir, 'file'), '');
    const store = new DirectoryStore(join(dir, 'file'));
    const failed = await store.save(state(1)).then(
      () => false,
      () => true,
    );
    expect(failed).to.equal(true);
    rmSync(join(dir, 'file'));
    await store.save(state(2));
    expect((await store.load())?.mark).to.equal(2);
  });
});
