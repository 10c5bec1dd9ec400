import { calculateJwkThumbprint, importJWK } from 'jose';

import type { DoorKey } from '../protocol/api.js';
import { decodeBase64url } from '../protocol/base64url.js';
import { kidSchema } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import type { MaybePromise } from './ambient.js';
import { KeyChangedError } from './errors.js';

/** Remembers which key id each door had when it was first seen. Must last: what is forgotten is trusted anew. */
export interface KeyPinStore {
  get(doorId: string): MaybePromise<string | undefined>;
  set(doorId: string, kid: string): MaybePromise<void>;
}

/**
 * How the SDK knows that a key is the door's (protocol 1.2): its key id, learnt out of band (QR, label, serial console),
 * or the first one seen, by explicit choice.
 */
export type DoorPin = { readonly kid: string } | { readonly trustOnFirstUse: KeyPinStore };

/** A key that was checked against its pin. */
export interface TrustedKey {
  readonly kid: string;
  readonly key: CryptoKey;
  /** Bytes of the modulus: the length of the encrypted key in an envelope. */
  readonly modulusBytes: number;
}

const MODULUS_BITS = { min: 2048, max: 4096 } as const;
const EXPONENT_65537 = 'AQAB';

/**
 * Computes the key id from the key itself (RFC 7638) and checks what protocol 4.2 asks of it. The relay's word for either
 * counts for nothing. Throws `wrong_key`.
 */
export async function verifyServedKey(served: DoorKey): Promise<TrustedKey> {
  const { n, e } = served.jwk;
  const modulus = decodeBase64url(n);
  if (modulus === undefined || e !== EXPONENT_65537)
    throw unusable(served.doorId, 'not an RSA key with exponent 65537');
  const [first = 0] = modulus;
  const bits = modulus.length * 8 - (Math.clz32(first) - 24);
  const isOdd = ((modulus[modulus.length - 1] ?? 0) & 1) === 1;
  // A leading zero byte would be a second spelling of the same key, with another thumbprint.
  if (first === 0 || !isOdd || bits < MODULUS_BITS.min || bits > MODULUS_BITS.max)
    throw unusable(served.doorId, 'not an RSA key of 2048 to 4096 bits');
  const jwk = { kty: 'RSA', n, e } as const;
  const kid = await calculateJwkThumbprint(jwk, 'sha256');
  if (kid !== served.kid) throw unusable(served.doorId, 'the key does not have the key id it is served under');
  const key = await importJWK({ ...jwk, alg: 'RSA-OAEP-256' });
  if (key instanceof Uint8Array) throw unusable(served.doorId, 'not a public key');
  return { kid, key, modulusBytes: modulus.length };
}

function unusable(doorId: string, why: string): OpenLockError {
  return new OpenLockError('wrong_key', `the relay serves no usable key for door ${doorId}: ${why}`);
}

/** The pinned key of one door: fetched once, checked, kept. */
export class PinnedKey {
  readonly #doorId: string;
  readonly #fetchKey: (signal?: AbortSignal) => Promise<DoorKey>;
  #pin: DoorPin;
  #trusted: Promise<TrustedKey> | undefined;

  constructor(doorId: string, pin: DoorPin, fetchKey: (signal?: AbortSignal) => Promise<DoorKey>) {
    if ('kid' in pin) assertKid(pin.kid);
    this.#doorId = doorId;
    this.#pin = pin;
    this.#fetchKey = fetchKey;
  }

  /** The door's key. Throws {@link KeyChangedError} when the relay serves another than the pinned one. */
  async trusted(): Promise<TrustedKey> {
    this.#trusted ??= this.#load().catch((error: unknown) => {
      // A failure is not kept; a changed key fails again next time, from the pin.
      this.#trusted = undefined;
      throw error;
    });
    return this.#trusted;
  }

  /** The pinned key id; `undefined` before the first use of a door that is trusted on first use. */
  async kid(): Promise<string | undefined> {
    return 'kid' in this.#pin ? this.#pin.kid : await this.#pin.trustOnFirstUse.get(this.#doorId);
  }

  /** Pins another key id, by the caller's decision. */
  async repin(kid: string): Promise<void> {
    assertKid(kid);
    if ('kid' in this.#pin) this.#pin = { kid };
    else await this.#pin.trustOnFirstUse.set(this.#doorId, kid);
    this.#trusted = undefined;
  }

  /** The relay says that the pinned key is not the door's. Asks what it serves instead, to tell the caller; trusts nothing. */
  async changed(error: OpenLockError): Promise<OpenLockError> {
    const pinned = await this.kid();
    let served: string | undefined;
    try {
      served = (await verifyServedKey(await this.#fetchKey())).kid;
    } catch {
      served = undefined;
    }
    return pinned === undefined || pinned === served ? error : new KeyChangedError(this.#doorId, pinned, served);
  }

  async #load(): Promise<TrustedKey> {
    const served = await verifyServedKey(await this.#fetchKey());
    const pinned = await this.kid();
    if (pinned === undefined && 'trustOnFirstUse' in this.#pin)
      await this.#pin.trustOnFirstUse.set(this.#doorId, served.kid);
    else if (pinned !== served.kid) throw new KeyChangedError(this.#doorId, pinned ?? '', served.kid);
    return served;
  }
}

function assertKid(kid: string): void {
  if (!kidSchema.safeParse(kid).success)
    throw new OpenLockError('invalid_request', 'a key id is 43 characters of base64url');
}

/** Pins in memory: for tests, and for programs that learn key ids anew each time. */
export class MemoryPinStore implements KeyPinStore {
  readonly #pins = new Map<string, string>();

  get(doorId: string): string | undefined {
    return this.#pins.get(doorId);
  }

  set(doorId: string, kid: string): void {
    this.#pins.set(doorId, kid);
  }
}

/** Pins in `localStorage`. */
export class WebPinStore implements KeyPinStore {
  readonly #storage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  readonly #prefix: string;

  constructor(
    storage: { getItem(key: string): string | null; setItem(key: string, value: string): void },
    prefix = 'openlock.pin.',
  ) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  get(doorId: string): string | undefined {
    return this.#storage.getItem(`${this.#prefix}${doorId}`) ?? undefined;
  }

  set(doorId: string, kid: string): void {
    this.#storage.setItem(`${this.#prefix}${doorId}`, kid);
  }
}
