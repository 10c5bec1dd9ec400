import { expect } from 'chai';
import fc from 'fast-check';

import * as api from '../../src/protocol/api.js';
import { fixture } from './fixtures.js';

const doorId = 'front-door';
const VALID = {
  loginRequestSchema: { email: 'owner@shop.example', website: 'https://shop.example' },
  tokenRequestSchema: { loginId: 'abc', code: '01234567' },
  refreshRequestSchema: { refreshToken: 'r' },
  commandRequestSchema: { jwe: 'x' },
  challengeRequestSchema: { doorId },
  registerRequestSchema: { doorId, publicKey: 'p', proof: 'x.y.z' },
} as const;
const SITE_ROUTES = [
  'loginRequestSchema',
  'tokenRequestSchema',
  'refreshRequestSchema',
  'commandRequestSchema',
] as const;
const DEVICE_ROUTES = ['challengeRequestSchema', 'registerRequestSchema'] as const;

describe('bodies of the HTTP API', () => {
  it('of site routes refuse unknown members, those of device routes ignore them (protocol 2.1)', () => {
    for (const name of SITE_ROUTES) {
      expect(api[name].safeParse(VALID[name]).success, name).to.equal(true);
      expect(api[name].safeParse({ ...VALID[name], extra: 1 }).success, name).to.equal(false);
      expect(
        api[name].safeParse(JSON.parse(`{"__proto__":1,${JSON.stringify(VALID[name]).slice(1)}`)).success,
        name,
      ).to.equal(false);
    }
    for (const name of DEVICE_ROUTES)
      expect(api[name].parse({ ...VALID[name], extra: 1 }), name).to.deep.equal(VALID[name]);
  });

  it('need each of their members', () => {
    for (const [name, body] of Object.entries(VALID)) {
      for (const member of Object.keys(body)) {
        const without = Object.fromEntries(Object.entries(body).filter(([other]) => other !== member));
        expect(api[name as keyof typeof VALID].safeParse(without).success, `${name} without ${member}`).to.equal(false);
      }
    }
  });

  it('take or refuse any value without throwing', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...(Object.keys(VALID) as (keyof typeof VALID)[])), (value, name) => {
        api[name].safeParse(value);
        for (const member of Object.keys(VALID[name])) api[name].safeParse({ ...VALID[name], [member]: value });
      }),
    );
  });

  it('want a code of eight digits', () => {
    for (const code of ['0123456', '012345678', '0123456a', '０１２３４５６７', '01234567\n', 1234567]) {
      expect(api.tokenRequestSchema.safeParse({ loginId: 'a', code }).success, String(code)).to.equal(false);
    }
  });

  it('read the claims of every good proof and rotation', () => {
    const vectors = fixture<{
      payloadText: string;
      headerText: string;
      rotation: { payloadText: string; headerText: string };
    }>('proofs.json');
    expect(api.proofHeaderSchema.safeParse(JSON.parse(vectors.headerText)).success).to.equal(true);
    expect(api.proofClaimsSchema.safeParse(JSON.parse(vectors.payloadText)).success).to.equal(true);
    expect(api.rotationHeaderSchema.safeParse(JSON.parse(vectors.rotation.headerText)).success).to.equal(true);
    expect(api.rotationClaimsSchema.safeParse(JSON.parse(vectors.rotation.payloadText)).success).to.equal(true);
  });
});
