/** The certificate and key of `OPENLOCK_TLS_CERT` and `OPENLOCK_TLS_KEY`, checked before anything listens with them. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import type { Clock } from '../clock.js';
import { ConfigError } from '../config.js';

/** Reads and checks both files; `expiresAt` is in Unix milliseconds. Throws {@link ConfigError} with a sentence for everything that is wrong with them. */
export function readConfiguredCertificate(
  certPath: string,
  keyPath: string,
  clock: Clock,
): { readonly cert: string; readonly key: string; readonly expiresAt: number } {
  const problems: string[] = [];
  const attempt = <T>(variable: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      problems.push(`${variable}: ${error instanceof Error ? error.message : String(error)}.`);
      return undefined;
    }
  };
  const cert = attempt('OPENLOCK_TLS_CERT', () => read(certPath));
  const key = attempt('OPENLOCK_TLS_KEY', () => read(keyPath));
  const certificate =
    cert === undefined ? undefined : attempt('OPENLOCK_TLS_CERT', () => parseCertificate(cert, certPath, clock));
  const privateKey = key === undefined ? undefined : attempt('OPENLOCK_TLS_KEY', () => parseKey(key, keyPath));
  if (certificate !== undefined && privateKey !== undefined && !certificate.checkPrivateKey(privateKey)) {
    problems.push(
      `OPENLOCK_TLS_KEY: ${keyPath} is not the key of the first certificate in OPENLOCK_TLS_CERT, ${certPath}.`,
    );
  }
  if (problems.length === 0 && cert !== undefined && key !== undefined && certificate !== undefined) {
    // The last word is OpenSSL's: it also reads the rest of the chain.
    attempt('OPENLOCK_TLS_CERT and OPENLOCK_TLS_KEY', () => createSecureContext({ cert, key }));
    if (problems.length === 0) return { cert, key, expiresAt: Date.parse(certificate.validTo) };
  }
  throw new ConfigError(problems);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`, {
      cause: error,
    });
  }
}

function parseCertificate(pem: string, path: string, clock: Clock): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${path} holds no certificate in PEM form`, { cause: error });
  }
  if (Date.parse(certificate.validTo) <= clock.now())
    throw new Error(`the certificate in ${path} expired on ${certificate.validTo}`);
  if (Date.parse(certificate.validFrom) > clock.now())
    throw new Error(`the certificate in ${path} is not valid before ${certificate.validFrom}`);
  return certificate;
}

function parseKey(pem: string, path: string): KeyObject {
  if (/ENCRYPTED/.test(pem))
    throw new Error(`the key in ${path} is encrypted; there is nobody to ask for its passphrase`);
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${path} holds no private key in PEM form`, { cause: error });
  }
}
