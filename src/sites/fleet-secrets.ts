import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { join } from 'node:path';

import type { Random } from '../clock.js';
import { OWNER_ONLY, readOrCreate } from '../files.js';

const FILE = 'fleet.key';
const SECRET_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The secret all relays of a fleet share (`OPENLOCK_SECRETS_DIR`), and what is derived from it. Every use names its purpose,
 * so that a value made for one is worthless for another.
 */
export class FleetSecrets {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    if (secret.length !== SECRET_BYTES)
      throw new Error(`A fleet secret has ${SECRET_BYTES} bytes, not ${secret.length}.`);
    this.#secret = secret;
  }

  /** Reads `<dir>/fleet.key`, creating it (and the directory) the first time; relays that start at once agree on one. */
  static load(dir: string, random: Random): Promise<FleetSecrets> {
    return Promise.resolve().then(() => {
      const path = join(dir, FILE);
      const text = readOrCreate(path, OWNER_ONLY, () => `${random.bytes(SECRET_BYTES).toString('hex')}\n`).trim();
      if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${path} is not a fleet secret (64 hexadecimal digits).`);
      return new FleetSecrets(Buffer.from(text, 'hex'));
    });
  }

  /** HMAC-SHA256 over purpose and parts; JSON keeps the parts apart. */
  mac(purpose: string, ...parts: readonly string[]): Buffer {
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify([purpose, ...parts]))
      .digest();
  }

  /** Encrypts (AES-256-GCM) under a key of this purpose and context; base64url. */
  seal(purpose: string, context: string, plaintext: string, random: Random): string {
    const nonce = random.bytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.mac(`seal:${purpose}`, context), nonce, {
      authTagLength: TAG_BYTES,
    });
    return Buffer.concat([nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
      'base64url',
    );
  }

  /** Undoes {@link seal}; throws when purpose, context or text are not what they were. */
  unseal(purpose: string, context: string, sealed: string): string {
    const bytes = Buffer.from(sealed, 'base64url');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('not a sealed text');
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.mac(`seal:${purpose}`, context),
      bytes.subarray(0, NONCE_BYTES),
      { authTagLength: TAG_BYTES },
    );
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  }
}
