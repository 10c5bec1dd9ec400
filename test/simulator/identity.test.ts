import { createPublicKey, generateKeyPairSync } from 'node:crypto';

import { expect } from 'chai';
import { calculateJwkThumbprint, compactVerify, exportJWK, importSPKI } from 'jose';

import {
  proofClaimsSchema,
  proofHeaderSchema,
  rotationClaimsSchema,
  rotationHeaderSchema,
} from '../../src/protocol/api.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { testIdentity } from './support/keys.js';

describe('DoorIdentity (protocol 4.2, 4.4)', () => {
  let identity: DoorIdentity;

  before(async () => {
    identity = await testIdentity();
  });

  it('names itself by the RFC 7638 thumbprint', async () => {
    expect(identity.kid).to.equal(
      await calculateJwkThumbprint(await exportJWK(createPublicKey(identity.publicPem)), 'sha256'),
    );
  });

  it('survives its own PEM', () => {
    expect(DoorIdentity.fromPem(identity.privatePem).kid).to.equal(identity.kid);
  });

  it('signs proofs another library verifies', async () => {
    const claims = {
      door: 'front',
      nonce: 'n',
      aud: 'https://relay.example',
      firmware: { version: '1.0.0', board: 'b', securityVersion: 1 },
    };
    const verified = await compactVerify(identity.proof(claims), await importSPKI(identity.publicPem, 'RS256'), {
      algorithms: ['RS256'],
    });
    expect(proofHeaderSchema.parse(verified.protectedHeader)).to.deep.equal({
      alg: 'RS256',
      typ: 'openlock-proof+jws',
      kid: identity.kid,
    });
    expect(proofClaimsSchema.parse(JSON.parse(Buffer.from(verified.payload).toString()))).to.deep.equal(claims);
  });

  it('signs rotations another library verifies', async () => {
    const claims = { door: 'front', nonce: 'n', newKid: identity.kid };
    const verified = await compactVerify(identity.rotation(claims), await importSPKI(identity.publicPem, 'RS256'), {
      algorithms: ['RS256'],
    });
    expect(rotationHeaderSchema.safeParse(verified.protectedHeader).success).to.equal(true);
    expect(rotationClaimsSchema.parse(JSON.parse(Buffer.from(verified.payload).toString()))).to.deep.equal(claims);
  });

  it('refuses keys a door may not have', () => {
    expect(() => new DoorIdentity(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)).to.throw('2048');
    expect(() => new DoorIdentity(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)).to.throw('RSA');
  });
});
