import { expect } from 'chai';
import fc from 'fast-check';

import { visible, visibleJson } from '../../src/cli/support/visible.js';

describe('text from outside on a terminal', () => {
  it('leaves what people write alone', () => {
    for (const text of ['Vordertür', 'главная дверь', '玄関', 'a b-c_d.e', '🚪', '“quoted”', ''])
      expect(visible(text)).to.equal(text);
  });

  it('shows escape sequences instead of obeying them', () => {
    expect(visible('\u001b[2J\u001b[31mred')).to.equal('\\x1b[2J\\x1b[31mred');
    expect(visible('\u009b31m')).to.equal('\\x9b31m');
    expect(visible('\u001b]8;;https://evil.example\u0007click')).to.equal('\\x1b]8;;https://evil.example\\x07click');
  });

  it('keeps a text on its line', () => {
    expect(visible('a\r\nb\tc\vd\u2028e\u2029f\u0085g')).to.equal('a\\x0d\\x0ab\\x09c\\x0bd\\u{2028}e\\u{2029}f\\x85g');
  });

  it('shows marks that reorder or hide text', () => {
    expect(visible('unlock\u202ekcol')).to.equal('unlock\\u{202e}kcol');
    for (const mark of [
      '\u061c',
      '\u200e',
      '\u2066',
      '\u2069',
      '\u200b',
      '\u200d',
      '\ufeff',
      '\u00ad',
      '\u{e0041}',
      '\ud800',
    ]) {
      expect(visible(`a${mark}b`), mark.codePointAt(0)?.toString(16)).to.match(/^a\\[xu].*b$/);
    }
  });

  it('keeps JSON the same value, in harmless characters', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = visibleJson(value);
        expect(JSON.parse(text)).to.deep.equal(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(visibleJson({ name: '\u001b[31m\u009b\u202e\u{e0041}' })).to.equal(
      '{"name":"\\u001b[31m\\u009b\\u202e\\udb40\\udc41"}',
    );
  });

  it('prints no control character whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(visible(text)).to.not.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(visibleJson(text)).to.not.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });
});
