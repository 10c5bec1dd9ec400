import { expect } from 'chai';

import { readDoorPublicKey, verifyProof, verifyRotation, type DoorPublicKey } from '../../src/doors/proof.js';
import { fixture } from '../protocol/fixtures.js';

interface Proofs {
  readonly doorId: string;
  readonly nonce: string;
  readonly aud: string;
  readonly kid: string;
  readonly publicKeyPem: string;
  readonly cases: readonly { readonly name: string; readonly proof: string; readonly ok: boolean }[];
  readonly rotation: {
    readonly newKid: string;
    readonly cases: readonly { readonly name: string; readonly proof: string; readonly ok: boolean }[];
  };
}

interface Keys {
  readonly valid: readonly { readonly name: string; readonly publicKeyPem: string; readonly kid: string }[];
  readonly invalid: readonly { readonly name: string; readonly publicKeyPem: string }[];
}

describe('the shared vectors of door keys and proofs', () => {
  const { doorId, nonce, aud, kid, publicKeyPem, cases, rotation } = fixture<Proofs>('proofs.json');
  const keys = fixture<Keys>('public-keys.json');

  function doorKey(): DoorPublicKey {
    const key = readDoorPublicKey(publicKeyPem);
    if (key === undefined) throw new Error('the key of the vectors is refused');
    return key;
  }

  for (const key of keys.valid) {
    it(`takes the key: ${key.name}`, () => {
      expect(readDoorPublicKey(key.publicKeyPem)?.kid).to.equal(key.kid);
    });
  }

  for (const { name, publicKeyPem: pem } of keys.invalid) {
    it(`refuses the key: ${name}`, () => {
      expect(readDoorPublicKey(pem)).to.equal(undefined);
    });
  }

  it('finds the key id of the vectors', () => {
    expect(doorKey().kid).to.equal(kid);
  });

  for (const { name, proof, ok } of cases) {
    it(`${ok ? 'takes' : 'refuses'} the proof: ${name}`, async () => {
      const claims = await verifyProof(proof, doorKey());
      expect(claims?.door === doorId && claims.nonce === nonce && claims.aud === aud).to.equal(ok);
    });
  }

  for (const { name, proof, ok } of rotation.cases) {
    it(`${ok ? 'takes' : 'refuses'} the rotation: ${name}`, async () => {
      const claims = await verifyRotation(proof, doorKey());
      expect(claims?.door === doorId && claims.nonce === nonce && claims.newKid === rotation.newKid).to.equal(ok);
    });
  }
});
