/** A door for the SDK to talk to, made of node:crypto alone: what jose seals, somebody else opens. */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

import type { DoorKey } from '../../../src/protocol/api.js';

export interface OpenedCommand {
  readonly headerText: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly plaintext: string;
  readonly body: {
    readonly act: string;
    readonly credential: { readonly type: string; readonly password: string };
    readonly replyKey: string;
    readonly params?: Readonly<Record<string, unknown>>;
    readonly challenge?: string;
    readonly pad?: string;
  };
}

const pairs = new Map<number, KeyObject[]>();

/** Keys are slow to make, so tests share a few. */
export function testKey(bits = 2048, index = 0): KeyObject {
  const keys = pairs.get(bits) ?? [];
  pairs.set(bits, keys);
  const key = (keys[index] ??= generateKeyPairSync('rsa', { modulusLength: bits }).privateKey);
  return key;
}

export function kidOf(key: KeyObject): string {
  const { e = '', n = '' } = createPublicKey(key).export({ format: 'jwk' });
  return createHash('sha256').update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest('base64url');
}

export class FakeDoor {
  readonly id: string;
  key: KeyObject;
  password = 'correct horse';
  readonly executed: OpenedCommand[] = [];
  state: Record<string, unknown> = { lock: 'locked', mode: 'normal' };
  /** Changes a receipt before it is sealed. */
  tamper: (receipt: Record<string, unknown>) => void = () => undefined;
  newKid: string | undefined;
  /** Then only commands with a challenge are taken (protocol 6.6). */
  isClockUnsure = false;
  readonly #challenges = new Set<string>();
  readonly #ring = new Set<unknown>();

  constructor(id = 'front-door', key = testKey()) {
    this.id = id;
    this.key = key;
  }

  get kid(): string {
    return kidOf(this.key);
  }

  served(): DoorKey {
    const publicKey = createPublicKey(this.key);
    const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
    return {
      doorId: this.id,
      kid: this.kid,
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      jwk: { kty: 'RSA', n, e },
      registeredAt: 1,
    };
  }

  open(jwe: string): OpenedCommand {
    const [header = '', key = '', iv = '', ciphertext = '', tag = ''] = jwe.split('.');
    const contentKey = privateDecrypt({ key: this.key, oaepHash: 'sha256' }, Buffer.from(key, 'base64url'));
    const decipher = createDecipheriv('aes-256-gcm', contentKey, Buffer.from(iv, 'base64url'), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(header)).setAuthTag(Buffer.from(tag, 'base64url'));
    const plaintext = Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString(
      'utf8',
    );
    const headerText = Buffer.from(header, 'base64url').toString('utf8');
    return {
      headerText,
      header: JSON.parse(headerText) as OpenedCommand['header'],
      plaintext,
      body: JSON.parse(plaintext) as OpenedCommand['body'],
    };
  }

  /** Protocol 19.4. */
  makeChallenge(): string {
    const challenge = randomBytes(32).toString('base64url');
    this.#challenges.add(challenge);
    return challenge;
  }

  /** Obeys or refuses, and answers with a receipt. */
  execute(jwe: string): { readonly status: 200 | 400; readonly receipt: string } {
    const command = this.open(jwe);
    const code = this.#judge(command);
    const isGood = code === 'ok';
    if (isGood) this.executed.push(command);
    const status = isGood ? 200 : 400;
    const receipt: Record<string, unknown> = {
      jti: command.header['jti'],
      door: this.id,
      status,
      code,
      at: Date.now(),
      ...(isGood && { state: this.state }),
      ...(isGood && command.body.act === 'rotate_key' && this.newKid !== undefined && { newKid: this.newKid }),
    };
    this.tamper(receipt);
    return { status, receipt: sealReceipt(JSON.stringify(receipt), Buffer.from(command.body.replyKey, 'base64url')) };
  }

  #judge({ header, body }: OpenedCommand): string {
    const { challenge } = body;
    if (challenge === undefined ? this.isClockUnsure : !this.#challenges.has(challenge)) return 'challenge_required';
    if (this.#ring.has(header['jti'])) return 'replayed';
    if (body.credential.password !== this.password) return 'bad_credential';
    this.#ring.add(header['jti']);
    if (challenge !== undefined) this.#challenges.delete(challenge);
    return 'ok';
  }
}

export function sealReceipt(plaintext: string, replyKey: Buffer): string {
  const header = Buffer.from('{"alg":"dir","enc":"A256GCM","typ":"openlock-receipt+jwe"}').toString('base64url');
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', replyKey, iv);
  cipher.setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return [
    header,
    '',
    iv.toString('base64url'),
    ciphertext.toString('base64url'),
    cipher.getAuthTag().toString('base64url'),
  ].join('.');
}
