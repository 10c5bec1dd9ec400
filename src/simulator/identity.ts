/** The door's key pair and what is signed with it (protocol 4.2, 4.4). */
import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  sign,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';

import type { ProofClaims } from '../protocol/api.js';

export const RSA_BITS = 2048;

export class DoorIdentity {
  readonly #privateKey: KeyObject;
  /** RFC 7638 SHA-256 thumbprint. */
  readonly kid: string;
  /** SPKI PEM. */
  readonly publicPem: string;
  /** Length of an encrypted content key, bytes. */
  readonly modulusBytes: number;
  #pem: string | undefined;

  /** Throws when the key is not RSA of 2048 to 4096 bits with e = 65537. */
  constructor(privateKey: KeyObject) {
    const details = privateKey.asymmetricKeyDetails;
    const bits = details?.modulusLength ?? 0;
    if (privateKey.asymmetricKeyType !== 'rsa' || bits < 2048 || bits > 4096 || details?.publicExponent !== 65537n) {
      throw new Error('a door key is RSA, 2048 to 4096 bits, with exponent 65537 (protocol 4.2)');
    }
    const publicKey = createPublicKey(privateKey);
    this.#privateKey = privateKey;
    this.kid = thumbprint(publicKey);
    this.publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.modulusBytes = Math.ceil(bits / 8);
  }

  static async generate(bits: number = RSA_BITS): Promise<DoorIdentity> {
    const pair = await promisify(generateKeyPair)('rsa', { modulusLength: bits, publicExponent: 65537 });
    return new DoorIdentity(pair.privateKey);
  }

  static fromPem(pem: string): DoorIdentity {
    return new DoorIdentity(createPrivateKey(pem));
  }

  /** PKCS#8 PEM, for the store. */
  get privatePem(): string {
    this.#pem ??= this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return this.#pem;
  }

  /** RSA-OAEP-256; `undefined` when it does not unwrap, which the caller must not let show. */
  unwrap(encrypted: Buffer): Buffer | undefined {
    try {
      return privateDecrypt(
        { key: this.#privateKey, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING },
        encrypted,
      );
    } catch {
      return undefined;
    }
  }

  /** Proof of possession for a registration. */
  proof(claims: ProofClaims): string {
    return this.#sign('openlock-proof+jws', claims);
  }

  /** By the old key: consent to `newKid` taking its place. */
  rotation(claims: { readonly door: string; readonly nonce: string; readonly newKid: string }): string {
    return this.#sign('openlock-rotation+jws', claims);
  }

  #sign(typ: string, claims: object): string {
    const header = base64url(JSON.stringify({ alg: 'RS256', typ, kid: this.kid }));
    const signingInput = `${header}.${base64url(JSON.stringify(claims))}`;
    return `${signingInput}.${sign('sha256', Buffer.from(signingInput), this.#privateKey).toString('base64url')}`;
  }
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** RFC 7638: the required members in name order, compact. */
function thumbprint(publicKey: KeyObject): string {
  const { e, n } = publicKey.export({ format: 'jwk' });
  return createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
}
