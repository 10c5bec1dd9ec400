/** A CA and server certificates for tests, made in memory. */
import { generateKeyPairSync } from 'node:crypto';

import forge from 'node-forge';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface TestCa extends Certificate {
  /** `names`: DNS names and IP addresses. `daysFromNow`: how long it is valid; negative for an expired one. */
  issue(names: readonly string[], daysFromNow?: number): Certificate;
}

export function createCa(): TestCa {
  const { privateKey, key } = keyPair();
  const subject = [{ name: 'commonName', value: 'Test CA' }];
  const ca = build(
    privateKey,
    subject,
    subject,
    [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
    1,
  );
  ca.sign(privateKey, forge.md.sha256.create());
  return {
    cert: forge.pki.certificateToPem(ca),
    key,
    issue(names, daysFromNow = 1) {
      const own = keyPair();
      const altNames = names.map((name) =>
        /^[0-9.]+$|:/.test(name) ? { type: 7, ip: name } : { type: 2, value: name },
      );
      const certificate = build(
        own.privateKey,
        [{ name: 'commonName', value: names[0] ?? 'none' }],
        subject,
        [{ name: 'subjectAltName', altNames }],
        daysFromNow,
      );
      certificate.sign(privateKey, forge.md.sha256.create());
      return { cert: forge.pki.certificateToPem(certificate), key: own.key };
    },
  };
}

function keyPair(): { readonly privateKey: forge.pki.rsa.PrivateKey; readonly key: string } {
  // Node makes the key: forge takes seconds.
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString();
  return { privateKey: forge.pki.privateKeyFromPem(key), key };
}

function build(
  privateKey: forge.pki.rsa.PrivateKey,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
  extensions: object[],
  daysFromNow: number,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
  certificate.validity.notBefore = new Date(Date.now() - 10 * 86_400_000);
  certificate.validity.notAfter = new Date(Date.now() + daysFromNow * 86_400_000);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  certificate.setExtensions(extensions);
  return certificate;
}
