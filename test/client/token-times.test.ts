import { expect } from 'chai';

import { renewAfter, withTimes } from '../../src/client/token-times.js';

const jwt = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AAAA`;

describe('when a token is renewed', () => {
  it('is a minute before its end, or after 80 % of a short life, and never without a pause', () => {
    expect(renewAfter(900_000)).to.equal(839_000);
    expect(renewAfter(61_000)).to.equal(48_000);
    expect(renewAfter(5_000)).to.equal(3_200);
    expect(renewAfter(1_000)).to.equal(500);
    expect(renewAfter(0)).to.equal(500);
  });

  it('is read from the token when nobody said it', () => {
    const accessToken = jwt({ iat: 1_800_000_000, exp: 1_800_000_900 });
    expect(withTimes({ accessToken })).to.deep.equal({
      accessToken,
      accessExpiresAt: 1_800_000_900_000,
      renewAt: 1_800_000_839_000,
    });
    expect(withTimes({ accessToken, renewAt: 5 })).to.deep.equal({ accessToken, renewAt: 5 });
  });

  it('stays unknown for what is no such token', () => {
    for (const accessToken of [
      'opaque',
      '',
      'a.b',
      'a.!.c',
      jwt(null),
      jwt([]),
      jwt({ exp: 'soon', iat: 1 }),
      jwt({ exp: 5 }),
      'e30.e30',
      `e30.${Buffer.from('{').toString('base64url')}.x`,
    ]) {
      expect(withTimes({ accessToken }), accessToken).to.deep.equal({ accessToken });
    }
  });
});
