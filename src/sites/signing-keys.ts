import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '../clock.js';
import { createFile, isErrno, OWNER_ONLY } from '../files.js';

const FILE = /^access-token-([0-9]{6})\.pem$/;
/** A directory's time stamp may be too coarse to show a second change, so it is read again after this long anyway. */
const RELOAD_MS = 1000;

export interface SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The public key as it stands in `/.well-known/jwks.json`. */
  readonly jwk: object;
}

/**
 * The ES256 keys of access tokens, one PEM file each in the secrets directory that all relays of a fleet share. The file
 * with the highest number signs, all verify; a key another relay added is found when a token first names it.
 */
export class SigningKeys {
  readonly #dir: string;
  readonly #clock: Clock;
  #byKid: ReadonlyMap<string, SigningKey> = new Map();
  #newest: SigningKey | undefined;
  #revision = 0;
  #loadedAt = -Infinity;
  #dirChangedAt = -1;

  private constructor(dir: string, clock: Clock) {
    this.#dir = dir;
    this.#clock = clock;
  }

  /** Reads the keys of `dir`, creating the first; relays that start at once agree on one. */
  static load(dir: string, clock: Clock): Promise<SigningKeys> {
    return Promise.resolve().then(() => {
      const keys = new SigningKeys(dir, clock);
      // A directory that already has keys may be read-only, and the first of them may be gone by now.
      if (numbersIn(dir).length === 0) createKeyFile(dir, 1);
      keys.#read();
      return keys;
    });
  }

  /** Another number whenever there are other keys than before: what was verified with the old ones is to be forgotten. */
  get revision(): number {
    return this.#revision;
  }

  /** The key that signs now. */
  get newest(): SigningKey {
    this.#readIfChanged();
    if (this.#newest === undefined) throw new Error(`${this.#dir} holds no signing key.`);
    return this.#newest;
  }

  /** The key with this id, or `undefined`; only ever one of our own files. */
  find(kid: string): SigningKey | undefined {
    const known = this.#byKid.get(kid);
    if (known !== undefined) return known;
    this.#readIfChanged();
    return this.#byKid.get(kid);
  }

  /** Public halves, newest first (RFC 7517). */
  jwks(): { keys: object[] } {
    this.#readIfChanged();
    return { keys: [...this.#byKid.values()].map((key) => key.jwk).reverse() };
  }

  /** Adds a key that signs from now on; tokens of the older ones stay good until they expire or their file is removed. */
  rotate(): Promise<void> {
    return Promise.resolve().then(() => {
      let number = (numbersIn(this.#dir).at(-1) ?? 0) + 1;
      while (!createKeyFile(this.#dir, number)) number += 1;
      this.#read();
    });
  }

  #readIfChanged(): void {
    try {
      const changed = statSync(this.#dir).mtimeMs !== this.#dirChangedAt;
      if (changed || this.#clock.monotonic() - this.#loadedAt > RELOAD_MS) this.#read();
    } catch (error) {
      // A share that is away for a moment must not take the keys in memory with it.
      if (this.#newest === undefined) throw error;
    }
  }

  #read(): void {
    const changedAt = statSync(this.#dir).mtimeMs;
    const keys = numbersIn(this.#dir).map((number) => readKey(join(this.#dir, fileName(number))));
    if (keys.length === 0) throw new Error(`${this.#dir} holds no signing key.`);
    const before = [...this.#byKid.keys()].join();
    this.#byKid = new Map(keys.map((key) => [key.kid, key]));
    if ([...this.#byKid.keys()].join() !== before) this.#revision += 1;
    this.#newest = keys.at(-1);
    this.#dirChangedAt = changedAt;
    this.#loadedAt = this.#clock.monotonic();
  }
}

function fileName(number: number): string {
  return `access-token-${String(number).padStart(6, '0')}.pem`;
}

function numbersIn(dir: string): readonly number[] {
  return namesIn(dir)
    .map((name) => FILE.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function createKeyFile(dir: string, number: number): boolean {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return createFile(
    join(dir, fileName(number)),
    OWNER_ONLY,
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
}

function readKey(path: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(readFileSync(path));
  } catch (error) {
    throw new Error(`${path} is not a readable private key.`, { cause: error });
  }
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error(`${path} is not a key on the curve P-256.`);
  const publicKey = createPublicKey(privateKey);
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  // RFC 7638: exactly these members, in this order.
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kid, privateKey, publicKey, jwk: { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' } };
}
