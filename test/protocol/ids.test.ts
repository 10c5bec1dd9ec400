import { createHash, createPublicKey } from 'node:crypto';

import { expect } from 'chai';
import fc from 'fast-check';

import { base64urlSchema, commandIdSchema, doorIdSchema, kidSchema } from '../../src/protocol/ids.js';
import { fixture } from './fixtures.js';

describe('identifiers', () => {
  it('takes door ids of protocol 4.1 and no others', () => {
    for (const id of ['abc', 'A1_', '0--', 'front-door_1', 'd'.repeat(64)])
      expect(doorIdSchema.safeParse(id).success, id).to.equal(true);
    const bad = [
      '',
      'ab',
      '-ab',
      '_ab',
      'd'.repeat(65),
      'a b',
      'a.b',
      'a/b',
      'äbc',
      'abc\n',
      '\nabc',
      'abc\0',
      5,
      null,
      ['abc'],
    ];
    for (const id of bad) expect(doorIdSchema.safeParse(id).success, JSON.stringify(id)).to.equal(false);
  });

  it('takes the thumbprints of real keys', () => {
    for (const { publicKeyPem, kid, name } of fixture<{ name: string; publicKeyPem: string; kid: string }[]>(
      'thumbprints.json',
    )) {
      const { e, kty, n } = createPublicKey(publicKeyPem).export({ format: 'jwk' });
      expect(createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url'), name).to.equal(kid);
      expect(kidSchema.safeParse(kid).success, name).to.equal(true);
    }
  });

  it('takes the SHA-256 of an envelope as its command id', () => {
    for (const { jwe, commandId } of fixture<{ jwe: string; commandId: string }[]>('command-ids.json')) {
      expect(createHash('sha256').update(jwe).digest('base64url')).to.equal(commandId);
      expect(commandIdSchema.safeParse(commandId).success).to.equal(true);
    }
  });

  it('takes canonical base64url of exactly so many bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 40 }), (bytes, length) => {
        expect(base64urlSchema(length).safeParse(Buffer.from(bytes).toString('base64url')).success).to.equal(
          bytes.length === length,
        );
      }),
    );
    for (const text of [
      `${'A'.repeat(42)}B`,
      `${'A'.repeat(43)}=`,
      'A'.repeat(42),
      'A'.repeat(44),
      `+${'A'.repeat(42)}`,
    ]) {
      expect(kidSchema.safeParse(text).success, text).to.equal(false);
    }
  });
});
