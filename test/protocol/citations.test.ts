import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['src', 'redis', 'test', 'firmware-arduino'];
const NOT_OURS = /(^|\/)(build|node_modules|corpus)\//;
const TEXT = /\.(ts|mjs|js|lua|cpp|h|hpp|c|md|sh|py|txt|json|conf|acl|ini|csv|cmake)$/;

interface Citation {
  readonly clause: string;
  readonly file: string;
}

/** `protocol 6.5`, and the rest of a list: `protocol 6.5, 6.7`, `protocol 4.3 to 4.6`, `protocol 12.4 and 12.5`. */
function citationsIn(text: string): string[] {
  // A citation may be broken by the end of a comment's line.
  const flat = text.replace(/\n[ \t]*(?:\*|\/\/|--|#)?[ \t]*/g, ' ');
  const list = /\bprotocol (\d{1,2}(?:\.\d{1,2})?(?:(?:, | and | to | or |; )\d{1,2}\.\d{1,2}(?!\d))*)/gi;
  return [...flat.matchAll(list)].flatMap(([, numbers = '']) => numbers.match(/\d{1,2}(?:\.\d{1,2})?/g) ?? []);
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && TEXT.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .filter((path) => !NOT_OURS.test(path) && !path.endsWith('citations.test.ts'));
}

describe('citations of the protocol', () => {
  const page = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');
  /** Numbers that stand at the head of a section, which is what a link can lead to. */
  const clauses = new Set([...page.matchAll(/^#{2,3} (\d{1,2}(?:\.\d{1,2})?) \S/gm)].map(([, number = '']) => number));
  const cited: Citation[] = FOLDERS.flatMap(filesBelow).flatMap((file) =>
    citationsIn(readFileSync(join(ROOT, file), 'utf8')).map((clause) => ({ clause, file })),
  );

  it('lead to a clause of docs/protocol.md, every one', () => {
    expect(cited.length).to.be.greaterThan(300);
    expect(cited.filter(({ clause }) => !clauses.has(clause))).to.deep.equal([]);
  });

  it('the page has each clause once, in order, without a gap', () => {
    const numbers = [...page.matchAll(/^### (\d+)\.(\d+) /gm)].map(([, section, clause]) => [
      Number(section),
      Number(clause),
    ]);
    for (const [index, [section = 0, clause = 0]] of numbers.entries()) {
      const [before = 0, last = 0] = numbers[index - 1] ?? [];
      expect(section).to.be.at.least(before);
      // Of section 19 only the challenge is built.
      if (section === 19) expect(clause).to.equal(4);
      else expect([section, clause]).to.deep.equal([section, section === before ? last + 1 : 1]);
    }
  });

  it('the page has a section for each number from 1 to 12', () => {
    for (let section = 1; section <= 12; section += 1) expect(clauses.has(String(section))).to.equal(true);
  });

  it('would notice a number that is not there, also in a list and across lines', () => {
    const found = citationsIn(
      '// (protocol 6.5, 6.99)\n/** see protocol\n * 42.1 and 3.1; protocol 7 */\n-- protocol 4.3 to 4.6',
    );
    expect(found).to.deep.equal(['6.5', '6.99', '42.1', '3.1', '7', '4.3', '4.6']);
    expect(found.filter((clause) => !clauses.has(clause))).to.deep.equal(['6.99', '42.1']);
  });

  it('no file cites a page that is not in this repository', () => {
    const outside = FOLDERS.flatMap(filesBelow).filter((file) =>
      /\bcontract \d{1,2}\.\d/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(outside).to.deep.equal([]);
  });
});
