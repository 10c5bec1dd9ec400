/** What the operator may know of the local CA, and how its key is taken away (protocol 11.1, 11.2). */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

import { ConfigError, type Config } from '../config.js';
import { createFile, OWNER_ONLY } from '../files.js';
import {
  CA_FILE,
  CA_KEY_FILE,
  expiryOf,
  hostOf,
  readAuthority,
  readServerCertificates,
  tlsDir,
  type Authority,
} from '../http/certificates.js';

export interface AuthorityView {
  /** Its certificate: what doors and sites have to trust. */
  readonly path: string;
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string;
  readonly keyType: string;
  /** What it may sign for; `undefined`: anything, it was made by an earlier release. */
  readonly names: readonly string[] | undefined;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly keyPath: string;
  readonly keyIsHere: boolean;
  /** When the first of the relay's own certificates runs out, Unix milliseconds; `undefined`: there is none yet. */
  readonly servesUntil: number | undefined;
}

/** The local CA of this data dir; `undefined` before a relay made one. Throws ConfigError for a damaged key. */
export async function viewAuthority(config: Config): Promise<AuthorityView | undefined> {
  const authority = readAuthority(config.dataDir);
  if (authority === undefined) return undefined;
  const { certificate } = authority;
  const { constrainedNames } = await import('../http/certificate-maker.js');
  const ends = readServerCertificates(
    config.dataDir,
    config.publicUrls.map(hostOf).filter((name) => isIP(name) === 0),
  ).map(expiryOf);
  return {
    path: join(tlsDir(config.dataDir), CA_FILE),
    fingerprint: certificate.fingerprint256,
    keyType: certificate.publicKey.asymmetricKeyType === 'rsa' ? 'RSA' : 'ECDSA P-256',
    names: constrainedNames(certificate.toString()),
    expiresAt: expiryOf(certificate),
    keyPath: join(tlsDir(config.dataDir), CA_KEY_FILE),
    keyIsHere: authority.key !== undefined,
    servesUntil: ends.length === 0 ? undefined : Math.min(...ends),
  };
}

/**
 * Moves the CA's key into `target`, a new file. Nothing is removed before the copy is on disk and has been read back.
 * Throws ConfigError when there is no key, or `target` exists.
 */
export function takeAuthorityKey(config: Config, target: string): void {
  const keyPath = join(tlsDir(config.dataDir), CA_KEY_FILE);
  const key = readAuthority(config.dataDir)?.key;
  if (key === undefined)
    throw new ConfigError([
      `OPENLOCK_DATA_DIR: ${keyPath} is not here; it was taken away before, or no relay has made a CA yet.`,
    ]);
  if (!createFile(target, OWNER_ONLY, key.export({ type: 'pkcs8', format: 'pem' }).toString()))
    throw new ConfigError([`${target} exists; nothing was changed.`]);
  requireCopy(target, key, readAuthority(config.dataDir));
  rmSync(keyPath);
}

/** A copy that is no copy would be noticed in years. */
function requireCopy(target: string, key: KeyObject, authority: Authority | undefined): void {
  const copy = createPrivateKey(readFileSync(target));
  if (copy.equals(key) && authority?.certificate.checkPrivateKey(copy) === true) return;
  throw new ConfigError([`${target} does not read back as the CA’s key; the key stays where it is.`]);
}
