import { expect } from 'chai';
import fc from 'fast-check';

import { loginRequestSchema, refreshRequestSchema, tokenRequestSchema } from '../../src/protocol/api.js';
import { normaliseOrigin } from '../../src/sites/origin.js';

const https = { allowHttp: false };
const both = { allowHttp: true };

describe('the origin of a website (protocol 3.1)', () => {
  const examples: Readonly<Record<string, string>> = {
    'https://shop.example': 'https://shop.example',
    'HTTPS://Shop.Example/': 'https://shop.example',
    'https://shop.example.': 'https://shop.example',
    'https://shop.example.:8443': 'https://shop.example:8443',
    'https://shop.example:443': 'https://shop.example',
    'https://bücher.example': 'https://xn--bcher-kva.example',
    'https://xn--bcher-kva.example': 'https://xn--bcher-kva.example',
    'https://127.1': 'https://127.0.0.1',
    'https://0x7f000001': 'https://127.0.0.1',
    'https://017700000001': 'https://127.0.0.1',
    'https://2130706433': 'https://127.0.0.1',
    'https://[::1]:8443': 'https://[::1]:8443',
    'https://[::FFFF:127.0.0.1]': 'https://[::ffff:7f00:1]',
    'https://shop。example': 'https://shop.example',
  };
  for (const [website, origin] of Object.entries(examples)) {
    it(`of ${website} is ${origin}`, () => expect(normaliseOrigin(website, https)).to.equal(origin));
  }

  for (const website of [
    '',
    'https://',
    'https:///',
    'https://.',
    'https://..',
    'https://1.2.3.4.5..',
    'https://127.0.0..',
    'https://shop.example..',
    'http://shop.example',
    'ftp://shop.example',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https:shop.example',
    'https:\\\\shop.example',
    'https://shop.example\\@evil.example',
    'https://user:pw@shop.example',
    'https://@shop.example',
    'https://shop.example/path',
    'https://shop.example//',
    'https://shop.example?',
    'https://shop.example#',
    'https://shop.example:99999',
    'https://shop.example:x',
    'https://shop .example',
    ' https://shop.example',
    'https://shop.example\n',
    'https://shop.\texample',
    'https://shop%2eexample%2f',
    'https://[::1',
    'https://256.256.256.256',
    'https://shop.example\0',
  ]) {
    it(`of ${JSON.stringify(website)} does not exist`, () =>
      expect(normaliseOrigin(website, https)).to.equal(undefined));
  }

  it('keeps http and https apart, and http out unless it is allowed', () => {
    expect(normaliseOrigin('http://shop.example:80', both)).to.equal('http://shop.example');
    expect(normaliseOrigin('http://shop.example:443', both)).to.equal('http://shop.example:443');
    expect(normaliseOrigin('http://shop.example', https)).to.equal(undefined);
  });

  it('is its own origin, and nothing but scheme, host and port, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl(),
      fc.webUrl({ withQueryParameters: true }),
      fc
        .webAuthority({ withUserInfo: true, withPort: true, withIPv4Extended: true, withIPv6: true })
        .map((authority) => `https://${authority}`),
      fc.string({ unit: 'binary' }).map((rest) => `https://${rest}`),
    );
    fc.assert(
      fc.property(text, (website) => {
        const origin = normaliseOrigin(website, both);
        if (origin === undefined) return true;
        const url = new URL(origin);
        expect(normaliseOrigin(origin, both)).to.equal(origin);
        expect(origin).to.match(/^https?:\/\/[^\s/?#@\\]+$/);
        expect(url.origin).to.equal(origin);
        expect(url.hostname).to.equal(url.hostname.toLowerCase()).and.not.match(/\.$/);
        expect([url.username, url.password, url.pathname, url.search, url.hash]).to.deep.equal(['', '', '/', '', '']);
        return true;
      }),
      { numRuns: 500 },
    );
  });

  it('is the same for every spelling of the same website', () => {
    fc.assert(
      fc.property(
        fc.domain(),
        fc.constantFrom('', ':443', '.', '.:443'),
        fc.constantFrom('', '/'),
        fc.boolean(),
        (domain, tail, slash, upper) => {
          const website = `https://${domain}${tail}${slash}`;
          return (
            normaliseOrigin(upper ? website.toUpperCase() : website, https) ===
            normaliseOrigin(`https://${domain}`, https)
          );
        },
      ),
    );
  });
});

describe('the bodies of the login routes', () => {
  const anything = fc.anything({ withNullPrototype: true, withSparseArray: true, withBigInt: true });

  it('are parsed or refused, never anything else, and hold no more than their members', () => {
    fc.assert(
      fc.property(
        fc.oneof(anything, fc.record({ email: fc.oneof(fc.emailAddress(), fc.string()), website: fc.string() })),
        (body) => {
          const parsed = loginRequestSchema.safeParse(body);
          if (!parsed.success) return true;
          expect(Object.keys(parsed.data)).to.have.members(['email', 'website']);
          // What becomes a header of a mail cannot end its line or name a second address.
          expect(parsed.data.email)
            .to.match(/^[\x21-\x7e]+$/)
            .and.not.match(/[,;<>"()\\]/);
          return true;
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('take codes of exactly eight ASCII digits', () => {
    const loginId = 'login_AAAAAAAAAAAAAAAAAAAAAA';
    for (const code of [
      '1234567',
      '123456789',
      '12345678\n',
      ' 12345678',
      '１２３４５６７８',
      '1234567a',
      12345678,
      null,
      ['12345678'],
    ]) {
      expect(tokenRequestSchema.safeParse({ loginId, code }).success, String(code)).to.equal(false);
    }
    expect(tokenRequestSchema.safeParse({ loginId, code: '00000000' }).success).to.equal(true);
  });

  it('refuse unknown members', () => {
    expect(
      loginRequestSchema.safeParse({ email: 'a@b.example', website: 'https://b.example', admin: true }).success,
    ).to.equal(false);
    expect(tokenRequestSchema.safeParse({ loginId: 'x', code: '12345678', extra: 1 }).success).to.equal(false);
    expect(refreshRequestSchema.safeParse({ refreshToken: 'x', extra: 1 }).success).to.equal(false);
  });

  for (const email of [
    'a@b.example\r\nBcc: c@d.example',
    'a@b.example, c@d.example',
    '<a@b.example>',
    'a b@c.example',
    '"a b"@c.example',
    '@b.example',
    'a@',
    'a',
    'a@b',
    'a@b.example\0',
    `${'a'.repeat(250)}@b.example`,
  ]) {
    it(`refuse the e-mail address ${JSON.stringify(email.slice(0, 40))}`, () =>
      expect(loginRequestSchema.safeParse({ email, website: 'https://b.example' }).success).to.equal(false));
  }
});
