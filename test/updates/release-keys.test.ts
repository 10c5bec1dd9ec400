import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';

import { expect } from 'chai';
import { calculateJwkThumbprint, exportJWK } from 'jose';

import { systemRandom } from '../../src/clock.js';
import { PASSPHRASE_ITERATIONS } from '../../src/updates/encrypted-key.js';
import {
  generateReleaseKey,
  isEncryptedPem,
  readReleaseKey,
  readSigningKey,
  WrongPassphraseError,
} from '../../src/updates/release-keys.js';
import { OpenLockError } from '../../src/protocol/problem.js';

const PASSPHRASE = 'pässphrase with  blanks';

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof OpenLockError) {
      expect(error.code).to.equal('invalid_request');
      return error.message;
    }
    throw error;
  }
  return 'taken';
}

describe('a release key', function () {
  this.timeout(60_000);
  const plain = generateReleaseKey(systemRandom);
  const sealed = generateReleaseKey(systemRandom, PASSPHRASE);

  it('has the thumbprint of RFC 7638 as its id', async () => {
    expect(plain.kid).to.equal(await calculateJwkThumbprint(await exportJWK(plain.key)));
  });

  it('comes back from both its halves', () => {
    expect(readReleaseKey(plain.pem).kid).to.equal(plain.kid);
    expect(readSigningKey(plain.privatePem).kid).to.equal(plain.kid);
    expect(readReleaseKey(`\n${plain.pem.replaceAll('\n', '\r\n')}\n`).pem).to.equal(plain.pem);
  });

  it('is sealed by its passphrase: only that opens it', () => {
    expect(isEncryptedPem(sealed.privatePem)).to.equal(true);
    expect(isEncryptedPem(plain.privatePem)).to.equal(false);
    expect(readSigningKey(sealed.privatePem, PASSPHRASE).kid).to.equal(sealed.kid);
    for (const wrong of [undefined, '', 'pässphrase with blanks', `${PASSPHRASE} `])
      expect(() => readSigningKey(sealed.privatePem, wrong), wrong).to.throw(WrongPassphraseError);
    expect(() => createPrivateKey(sealed.privatePem)).to.throw();
  });

  it('is sealed in a form OpenSSL opens, with a derivation that takes its time', () => {
    const opened = execFileSync('openssl', ['pkey', '-passin', `pass:${PASSPHRASE}`, '-pubout'], {
      input: sealed.privatePem,
      encoding: 'utf8',
    });
    expect(opened).to.equal(sealed.pem);
    const form = execFileSync('openssl', ['asn1parse'], { input: sealed.privatePem, encoding: 'utf8' });
    expect(form).to.contain('PBES2').and.contain('hmacWithSHA256').and.contain('aes-256-cbc');
    expect(form).to.match(new RegExp(`INTEGER\\s+:0?${PASSPHRASE_ITERATIONS.toString(16).toUpperCase()}\\n`));
  });

  it('is sealed differently each time', () => {
    expect(generateReleaseKey(systemRandom, PASSPHRASE).privatePem).to.not.equal(sealed.privatePem);
  });

  it('opens when OpenSSL or Node sealed it', () => {
    const byNode = plain.privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    expect(readSigningKey(byNode, 'x').kid).to.equal(plain.kid);
    const scrypt = execFileSync('openssl', ['pkcs8', '-topk8', '-scrypt', '-passout', 'pass:x'], {
      input: plain.privatePem,
      encoding: 'utf8',
    });
    expect(readSigningKey(scrypt, 'x').kid).to.equal(plain.kid);
    const traditional = plain.privateKey
      .export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    expect(readSigningKey(traditional, 'x').kid).to.equal(plain.kid);
  });

  it('is refused in words that teach where the private half is given for the public one', () => {
    const kinds = [
      plain.privatePem,
      sealed.privatePem,
      plain.privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
      plain.pem + plain.privatePem,
    ];
    for (const pem of kinds)
      expect(refusal(() => readReleaseKey(pem)))
        .to.contain('private key')
        .and.contain('.pub.pem')
        .and.contain('away from relays and doors');
    expect(refusal(() => readSigningKey(plain.pem))).to.contain('public half');
  });

  it('is refused when it is no key, or another kind of key', () => {
    const others = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
      generateKeyPairSync('ed25519'),
    ];
    for (const { publicKey, privateKey } of others) {
      expect(refusal(() => readReleaseKey(publicKey.export({ type: 'spki', format: 'pem' }).toString()))).to.contain(
        'P-256',
      );
      expect(refusal(() => readSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()))).to.contain(
        'P-256',
      );
    }
    const broken = [
      '',
      'hello',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
      plain.pem + plain.pem,
      plain.pem.replace('M', 'A'),
      `${' '.repeat(9000)}${plain.pem}`,
    ];
    for (const pem of broken)
      expect(
        refusal(() => readReleaseKey(pem)),
        pem.slice(0, 60),
      ).to.not.equal('taken');
    for (const pem of ['', 'hello', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', ' '.repeat(9000)])
      expect(
        refusal(() => readSigningKey(pem)),
        pem.slice(0, 60),
      ).to.not.equal('taken');
  });
});
