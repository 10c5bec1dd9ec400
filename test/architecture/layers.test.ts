import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { readSources, type SourceTree } from './import-graph.js';
import { unusedPermissions, violations } from './layer-rules.js';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

const tree = (files: Record<string, string>): SourceTree => new Map(Object.entries(files));

describe('layers and circles', () => {
  it('src/ keeps to the table of docs/architecture.md and has no circle', () => {
    expect(violations(readSources(SRC))).to.deep.equal([]);
  });

  it('nothing is allowed that nobody uses', () => {
    expect(unusedPermissions(readSources(SRC))).to.deep.equal([]);
  });

  it('would notice a permission that nobody uses', () => {
    expect(unusedPermissions(tree({ 'log.ts': `import './config.js';`, 'config.ts': '' }))).to.not.include(
      'log may import config, and does not',
    );
    expect(unusedPermissions(tree({ 'log.ts': '' }))).to.include('log may import config, and does not');
  });

  it('would notice a layer that imports one above it', () => {
    const found = violations(
      tree({ 'store/a.ts': `import { b } from '../http/b.js';`, 'http/b.ts': 'export const b = 1;' }),
    );
    expect(found).to.deep.equal(['store/a.ts imports http/b.ts: store may not import http']);
  });

  it('would notice the same through import type, a re-export and import()', () => {
    const http = { 'http/b.ts': 'export type B = 1;' };
    for (const line of [
      `import type { B } from '../http/b.js';`,
      `export * from '../http/b.js';`,
      `const b = await import('../http/b.js');`,
    ]) {
      expect(violations(tree({ ...http, 'protocol/a.ts': line })), line).to.have.length(1);
    }
  });

  it('would notice a circle between files of one folder', () => {
    const found = violations(
      tree({ 'doors/a.ts': `import './b.js';`, 'doors/b.ts': `import './c.js';`, 'doors/c.ts': `import './a.js';` }),
    );
    expect(found).to.deep.equal(['circle: doors/a.ts -> doors/b.ts -> doors/c.ts -> doors/a.ts']);
  });

  it('would notice two folders that need each other, even without a circle of files', () => {
    const found = violations(
      tree({
        'doors/a.ts': `import '../commands/b.js';`,
        'commands/b.ts': '',
        'commands/c.ts': `import '../doors/d.js';`,
        'doors/d.ts': '',
      }),
    );
    expect(found).to.include('circle: doors -> commands -> doors');
  });

  it('would notice a package outside its home, and a Node module in what runs in a browser', () => {
    const found = violations(
      tree({
        'doors/a.ts': `import { Redis } from 'ioredis';`,
        'client/b.ts': `import { readFileSync } from 'node:fs';`,
      }),
    );
    expect(found).to.deep.equal([
      'doors/a.ts imports ioredis: only store may',
      'client/b.ts imports node:fs: client also runs in a browser',
    ]);
  });

  it('would notice a room that takes the time from anything but its clock, but not a comment about it', () => {
    const found = violations(
      tree({
        'doors/a.ts': `const timer = setTimeout(() => undefined, 10);`,
        'relays/b.ts': `const at = Date.now();`,
        'commands/c.ts': `// a setInterval() would keep the process`,
        'http/d.ts': `const at = performance.now();`,
        'cli/e.ts': `const at = Date.now();`,
      }),
    );
    expect(found).to.deep.equal([
      'doors/a.ts uses setTimeout: time comes from the clock it is handed',
      'relays/b.ts uses Date.now: time comes from the clock it is handed',
      'http/d.ts uses performance.now: time comes from the clock it is handed',
    ]);
  });

  it('would notice a second reader of the environment, but not a comment about it', () => {
    expect(violations(tree({ 'doors/a.ts': `const host = process.env['HOST'];` }))).to.have.length(1);
    expect(violations(tree({ 'doors/a.ts': '// never read process.env here' }))).to.deep.equal([]);
  });

  it('would notice a new folder that the table does not know', () => {
    expect(violations(tree({ 'misc/a.ts': 'export const a = 1;' }))).to.deep.equal([
      'misc/a.ts is in no layer of the table',
    ]);
  });
});
