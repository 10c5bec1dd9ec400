import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { OWNER_ONLY, readIfThere, readOrCreate, replaceFile } from '../src/files.js';

describe('files that appear whole', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'openlock-files-'));
  });

  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('are created once; whoever comes second gets what the first one wrote', () => {
    const path = join(dir, 'secret');
    const first = readOrCreate(path, OWNER_ONLY, () => {
      // Somebody else is faster, between our look and our write.
      readOrCreate(path, OWNER_ONLY, () => 'theirs');
      return 'ours';
    });
    expect(first).to.equal('theirs');
    expect(readOrCreate(path, OWNER_ONLY, () => 'later')).to.equal('theirs');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(readdirSync(dir)).to.deep.equal(['secret']);
  });

  it('are replaced in one step, with nothing left behind, also when that fails', () => {
    const path = join(dir, 'settings');
    replaceFile(path, 0o644, 'one');
    replaceFile(path, 0o644, 'two');
    expect(readFileSync(path, 'utf8')).to.equal('two');
    expect(() => replaceFile(dir, 0o644, 'over a directory')).to.throw();
    expect(readdirSync(dir)).to.deep.equal(['settings']);
    expect(readIfThere(join(dir, 'none'))).to.equal(undefined);
  });
});
