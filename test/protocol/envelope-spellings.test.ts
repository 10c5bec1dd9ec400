import { expect } from 'chai';

import { parseCommandEnvelope, parseEnvelopeStrictly } from '../../src/protocol/envelope.js';
import { LIMITS } from '../../src/protocol/limits.js';
import { compareEnvelopes, HEADER, withHeader } from '../support/reader-comparisons.js';
import { compareReaders, SEED, withoutJson } from '../support/spellings.js';
import { fixture } from './fixtures.js';

describe('an envelope and its usual spelling', () => {
  it(`is read as strictly in every other spelling (seed ${SEED})`, () => compareEnvelopes(3000));

  it('is read alike whatever the lengths of its parts, and whatever their last characters', () => {
    const [header = '', key = '', iv = '', ciphertext = '', tag = ''] = withHeader(HEADER).split('.');
    const texts: string[] = [];
    const last = (part: string): string[] =>
      Array.from({ length: 128 }, (_, code) => part.slice(0, -1) + String.fromCharCode(code));
    for (let length = 0; length < 6; length += 1) {
      for (const chars of [340, 341, 342, 343, 344, 345, 681, 682, 683, 684, 685])
        texts.push([header, 'A'.repeat(chars), iv, 'A'.repeat(length), tag].join('.'));
      texts.push([header, key, 'A'.repeat(13 + length), ciphertext, tag].join('.'));
      texts.push([header, key, iv, ciphertext, 'A'.repeat(19 + length)].join('.'));
    }
    for (const end of last(header)) texts.push([end, key, iv, ciphertext, tag].join('.'));
    for (const part of [key, key + 'AA', key + 'AAA'])
      for (const end of last(part)) texts.push([header, end, iv, ciphertext, tag].join('.'));
    for (const part of [ciphertext, ciphertext + 'AA', ciphertext + 'AAA'])
      for (const end of last(part)) texts.push([header, key, iv, end, tag].join('.'));
    for (const end of last(tag)) texts.push([header, key, iv, ciphertext, end].join('.'));
    const most = LIMITS.jweChars - [header, key, iv, '', tag].join('.').length;
    for (const chars of [most - 1, most, most + 1, most + 2])
      texts.push([header, key, iv, 'A'.repeat(chars), tag].join('.'));
    const { taken } = compareReaders(texts, parseCommandEnvelope, parseEnvelopeStrictly, ({ ok }) => ok);
    expect(taken).to.be.within(100, texts.length - 500);
  });

  it('is read alike in every vector of the protocol', () => {
    const { cases } = fixture<{ readonly cases: readonly { readonly jwe: string; readonly ok: boolean }[] }>(
      'relay-envelopes.json',
    );
    const texts = cases.map(({ jwe }) => jwe);
    const { taken } = compareReaders(texts, parseCommandEnvelope, parseEnvelopeStrictly, ({ ok }) => ok);
    expect(taken).to.equal(cases.filter(({ ok }) => ok).length);
  });

  it('is read without parsing JSON', () => {
    withoutJson(() => {
      expect(parseCommandEnvelope(withHeader(HEADER)).ok).to.equal(true);
      expect(parseCommandEnvelope(withHeader(HEADER.replace('"iat"', ' "iat"'))).ok).to.equal(false);
    });
  });
});
