/** Private keys of the relay's certificates, as files only their owner reads. */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { ConfigError, type Config } from '../config.js';
import { OWNER_ONLY, readIfThere, readOrCreate, replaceFile } from '../files.js';

/** The key in `path`; `undefined` when there is none. */
export function readKey(path: string): KeyObject | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new ConfigError([
      `OPENLOCK_DATA_DIR: ${path} is not a private key (${error instanceof Error ? error.message : String(error)}). Restore it, or remove it for a new one.`,
    ]);
  }
}

/** The key in `path`, made if there is none. Of several processes at once all get the same. */
export async function loadKey(path: string, type: Config['tlsKeyType']): Promise<KeyObject> {
  const made = pemOf(await newKey(type));
  return createPrivateKey(readOrCreate(path, OWNER_ONLY, () => made));
}

export async function replaceKey(path: string, type: Config['tlsKeyType']): Promise<KeyObject> {
  const made = await newKey(type);
  replaceFile(path, OWNER_ONLY, pemOf(made));
  return made;
}

async function newKey(type: Config['tlsKeyType']): Promise<KeyObject> {
  const { privateKey } =
    type === 'rsa'
      ? await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
      : await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return privateKey;
}

export const isOfType = (key: KeyObject, type: Config['tlsKeyType']): boolean =>
  key.asymmetricKeyType === (type === 'rsa' ? 'rsa' : 'ec');

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function publicPemOf(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}
