import { expect } from 'chai';
import fc from 'fast-check';

import { decodeUtf8, parseStrictJson, StrictJsonError } from '../../src/protocol/strict-json.js';
import { fixture } from './fixtures.js';

type Entry = string | { readonly hex: string };

/** As a receiver does it: bytes, text, value. */
function read(entry: Entry): unknown {
  return parseStrictJson(decodeUtf8(typeof entry === 'string' ? Buffer.from(entry) : Buffer.from(entry.hex, 'hex')));
}

const isHalf = (unit: number, from: number): boolean => unit >= from && unit < from + 0x400;

/** Texts as they come from UTF-8: no half surrogate pairs. */
function isWellFormed(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (isHalf(unit, 0xdc00)) return false;
    if (isHalf(unit, 0xd800) && !isHalf(text.charCodeAt((at += 1)), 0xdc00)) return false;
  }
  return true;
}

const wellFormedKeys = fc.string({ unit: 'grapheme', maxLength: 8 });
const tree = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.oneof(
      fc.constantFrom(null, true, false),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      wellFormedKeys,
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(wellFormedKeys, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('strict JSON', () => {
  const vectors = fixture<{ readonly valid: readonly Entry[]; readonly invalid: readonly Entry[] }>('json.json');

  it('reads every valid vector as JSON.parse does', () => {
    for (const entry of vectors.valid) {
      const text = typeof entry === 'string' ? entry : Buffer.from(entry.hex, 'hex').toString('utf8');
      expect(read(entry), text).to.deep.equal(JSON.parse(text));
    }
  });

  it('refuses every invalid vector with a StrictJsonError', () => {
    for (const entry of vectors.invalid) expect(() => read(entry), JSON.stringify(entry)).to.throw(StrictJsonError);
  });

  it('reads back whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseStrictJson(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('never takes what JSON.parse refuses, and never reads it otherwise', () => {
    const alike = fc.string({ unit: fc.constantFrom(...'{}[]:,"\\ abu0123d8ef-+.tn\n'), maxLength: 14 });
    fc.assert(
      fc.property(alike, (text) => {
        let strict: unknown;
        try {
          strict = parseStrictJson(text);
        } catch (error) {
          expect(error).to.be.instanceOf(StrictJsonError);
          return;
        }
        expect(strict).to.deep.equal(JSON.parse(text));
      }),
      { numRuns: 5000 },
    );
  });

  it('takes a flat object exactly when its names are different once decoded', () => {
    const escape = (name: string): string =>
      [...name].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
    const names = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'ab', '__proto__', 'ä', '"', '\\'), fc.boolean()), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(names, (entries) => {
        const text = `{${entries.map(([name, escaped]) => `${escaped ? `"${escape(name)}"` : JSON.stringify(name)}:1`).join(',')}}`;
        const distinct = new Set(entries.map(([name]) => name)).size === entries.length;
        if (distinct) expect(Object.keys(parseStrictJson(text) as object)).to.have.lengthOf(entries.length);
        else expect(() => parseStrictJson(text)).to.throw(StrictJsonError, 'duplicate');
      }),
    );
  });

  it('takes a string exactly when it decodes to whole characters', () => {
    const unit = fc.constantFrom('\\ud83d', '\\ude00', '\\uD800', '\\uDFFF', 'a', '\\n', '\\u0041', '\\\\', '\\"', 'u');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 6 }), (units) => {
        const text = `"${units.join('')}"`;
        if (isWellFormed(JSON.parse(text) as string)) expect(parseStrictJson(text)).to.equal(JSON.parse(text));
        else expect(() => parseStrictJson(text)).to.throw(StrictJsonError, 'surrogate');
      }),
      { numRuns: 2000 },
    );
  });

  it('is not slowed or broken by hostile nesting', () => {
    for (const text of ['['.repeat(1_000_000), '{"a":'.repeat(200_000), `"${'\\'.repeat(1_000_000)}`]) {
      expect(() => parseStrictJson(text)).to.throw(StrictJsonError);
    }
  });

  it('keeps to the depth it is given', () => {
    expect(parseStrictJson('{"a":1}', 1)).to.deep.equal({ a: 1 });
    expect(() => parseStrictJson('{"a":[]}', 1)).to.throw(StrictJsonError, 'deeper');
  });
});
