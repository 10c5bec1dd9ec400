import { OpenLockError } from '../../protocol/problem.js';
import {
  isEncryptedPem,
  KEY_LIMITS,
  readReleaseKey,
  readSigningKey,
  WrongPassphraseError,
  type ReleaseKey,
  type SigningKey,
} from '../../updates/release-keys.js';
import { CommandFailure } from '../support/failure.js';
import { readPassword } from '../support/password.js';
import type { Run } from '../support/run.js';
import { isReadableByOthers, readTextFile } from './files.js';

/** Reads a private key; asks for its passphrase where it has one. Nothing of it is kept, written or sent. */
export async function signingKeyFrom(path: string, run: Run): Promise<SigningKey> {
  const pem = readTextFile(path, KEY_LIMITS.pemChars);
  const encrypted = isEncryptedPem(pem);
  if (!encrypted && pem.includes('PRIVATE KEY') && isReadableByOthers(path))
    run.print.note('warning: ', path, ' can be read by other users of this machine; chmod 600 ends that.');
  const passphrase = encrypted ? await readPassword(run.io, `Passphrase of ${path}:`, 'passphrase') : undefined;
  try {
    return named(path, () => readSigningKey(pem, passphrase));
  } catch (error) {
    if (error instanceof WrongPassphraseError)
      throw new CommandFailure('wrong_passphrase', `${path}: ${error.message}`);
    throw error;
  }
}

/** Reads a public key. */
export function releaseKeyFrom(path: string): ReleaseKey {
  return named(path, () => readReleaseKey(readTextFile(path, KEY_LIMITS.pemChars)));
}

/** With several files on one command line, a refusal says which. */
function named<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof OpenLockError
      ? new OpenLockError(error.code, `${path}: ${error.message}`, error.extras)
      : error;
  }
}
