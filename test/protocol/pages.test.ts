import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { readConfig } from '../../src/config.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'deploy/README.md',
];
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

describe('the pages', () => {
  for (const path of PAGES)
    it(`${path} has links that lead somewhere`, () => {
      for (const [, target = ''] of read(path).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)) {
        const [file = '', anchor] = target.split('#');
        const linked = file === '' ? path : join(dirname(path), file);
        expect(existsSync(join(ROOT, linked)), target).to.equal(true);
        if (anchor !== undefined) expect(anchorsOf(read(linked)).has(anchor), target).to.equal(true);
      }
    });

  it('every variable has its row in docs/operations.md, and no other has', () => {
    const rows = [...read('docs/operations.md').matchAll(/^\| (`OPENLOCK_[^|]+) \|/gm)].flatMap(
      ([, names = '']) => names.match(/OPENLOCK_[A-Z_]+/g) ?? [],
    );
    const documented = new Set(rows);
    const known = (name: string): boolean => readConfig({ [name]: '' }).warnings.length === 0;
    expect([...documented].filter((name) => !known(name))).to.deep.equal([]);
    const inSource = [...read('src/config.ts').matchAll(/'(OPENLOCK_[A-Z_]+)'/g)].map(([, name = '']) => name);
    expect(inSource.filter((name) => name !== 'OPENLOCK_' && !documented.has(name))).to.deep.equal([]);
  });

  it('no page speaks of what is outside this repository', () => {
    for (const path of PAGES) expect(read(path), path).to.not.match(/\/work\/|\bcontract \d/);
  });
});
