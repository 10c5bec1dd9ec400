import { expect } from 'chai';
import fc from 'fast-check';

import { parseCommandEnvelope } from '../../src/protocol/envelope.js';
import { fixture } from './fixtures.js';

interface RelayVectors {
  readonly cases: readonly { readonly name: string; readonly jwe: string; readonly ok: boolean }[];
}
interface DoorVectors {
  readonly doorId: string;
  readonly kid: string;
  readonly cases: readonly { readonly name: string; readonly jwe: string; readonly expect: object }[];
}

describe('the form of a command envelope', () => {
  const vectors = fixture<RelayVectors>('relay-envelopes.json');

  for (const { name, jwe, ok } of vectors.cases) {
    it(`${ok ? 'takes' : 'refuses'}: ${name}`, () => {
      const parsed = parseCommandEnvelope(jwe);
      expect(parsed.ok, parsed.ok ? '' : parsed.detail).to.equal(ok);
    });
  }

  it('has at least 44 spellings that a lenient reader would take, and refuses them all', () => {
    const spellings = vectors.cases.filter(({ name }) => name.startsWith('spelling:'));
    const lenient = spellings.filter(({ jwe }) => decoded(jwe) === decoded(good(vectors)));
    expect(lenient.length).to.be.at.least(44);
    expect(new Set(spellings.map(({ jwe }) => jwe)).size).to.equal(spellings.length);
  });

  it('reads the header of what a door executes', () => {
    const { cases, doorId, kid } = fixture<DoorVectors>('command-envelopes.json');
    const executed = cases.filter((entry) => 'code' in entry.expect && entry.expect.code === 'ok');
    expect(executed.length).to.be.greaterThan(10);
    for (const { name, jwe } of executed) {
      const parsed = parseCommandEnvelope(jwe);
      expect(parsed.ok && { door: parsed.header.door, kid: parsed.header.kid }, name).to.deep.equal({
        door: doorId,
        kid,
      });
    }
  });

  it('never throws, and refuses any other character in any place of the four encoded parts after the header', () => {
    const jwe = good(vectors);
    const headerEnd = jwe.indexOf('.');
    fc.assert(
      fc.property(
        fc.integer({ min: headerEnd, max: jwe.length - 1 }),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        (at, char) => {
          const parsed = parseCommandEnvelope(jwe.slice(0, at) + char + jwe.slice(at + 1));
          if (!/^[A-Za-z0-9_.-]$/.test(char)) expect(parsed.ok).to.equal(false);
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(parseCommandEnvelope(text).ok).to.equal(false);
      }),
    );
  });

  it('takes a header only if it is byte for byte what JSON.stringify writes of its eight members', () => {
    const [headerText = '', ...rest] = good(vectors).split('.');
    const header = Buffer.from(headerText, 'base64url');
    const edit = fc.record({
      at: fc.nat(header.length - 1),
      remove: fc.nat(3),
      insert: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(edit, ({ at, remove, insert }) => {
        const edited = Buffer.concat([header.subarray(0, at), insert, header.subarray(at + remove)]);
        const parsed = parseCommandEnvelope([edited.toString('base64url'), ...rest].join('.'));
        if (parsed.ok) expect(JSON.stringify(JSON.parse(edited.toString('utf8')))).to.equal(edited.toString('utf8'));
      }),
      { numRuns: 2000 },
    );
  });
});

function good({ cases }: RelayVectors): string {
  return cases.find(({ name }) => name === 'the envelope of all spellings')?.jwe ?? '';
}

/** What a lenient reader, Node's, makes of it. */
function decoded(jwe: string): string {
  return jwe
    .split('.')
    .map((part) => Buffer.from(part, 'base64').toString('hex'))
    .join('.');
}
