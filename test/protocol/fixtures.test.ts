import { readdirSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import { generateAll } from '../fixtures/protocol/generate.js';

const folder = new URL('../fixtures/protocol/', import.meta.url);

describe('the vector files', () => {
  const files = generateAll();

  it('are all made by the generator, but for the keys', () => {
    const present = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'test-keys.json');
    expect(present.sort()).to.deep.equal([...files.keys()].sort());
  });

  for (const [name, content] of files) {
    it(`${name} is what the generator makes, byte for byte`, () => {
      expect(
        readFileSync(new URL(name, folder), 'utf8') === content,
        `run: npx tsx test/fixtures/protocol/generate.ts`,
      ).to.equal(true);
    });
  }
});
