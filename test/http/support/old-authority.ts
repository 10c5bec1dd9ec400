import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import forge from 'node-forge';

/** A data dir as releases before 0.2 left it: an RSA CA without constraints, and an RSA certificate for localhost. */
export function writeOldAuthority(dataDir: string): void {
  const dir = join(dataDir, 'tls');
  mkdirSync(dir, { recursive: true });
  const ca = forge.pki.rsa.generateKeyPair(2048);
  const server = forge.pki.rsa.generateKeyPair(2048);
  const issuer = [{ name: 'commonName', value: 'OpenLock local CA 01234567' }];
  const keyIdentifier = forge.pki.getPublicKeyFingerprint(ca.publicKey, { type: 'RSAPublicKey' }).getBytes();
  const make = (publicKey: forge.pki.rsa.PublicKey, subject: typeof issuer, extensions: object[]): string => {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = publicKey;
    certificate.serialNumber = '4001';
    certificate.validity.notBefore = new Date(Date.now() - 86_400_000);
    certificate.validity.notAfter = new Date(Date.now() + 3650 * 86_400_000);
    certificate.setIssuer(issuer);
    certificate.setSubject(subject);
    certificate.setExtensions([
      ...extensions,
      { name: 'subjectKeyIdentifier' },
      { name: 'authorityKeyIdentifier', keyIdentifier },
    ]);
    certificate.sign(ca.privateKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
  };
  const write = (name: string, content: string): void => writeFileSync(join(dir, name), content, { mode: 0o600 });
  write(
    'ca.pem',
    make(ca.publicKey, issuer, [
      { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
      { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    ]),
  );
  write(
    'server.pem',
    make(
      server.publicKey,
      [{ name: 'commonName', value: 'OpenLock relay' }],
      [
        { name: 'basicConstraints', critical: true, cA: false },
        { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
        { name: 'extKeyUsage', serverAuth: true },
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
            { type: 7, ip: '::1' },
          ],
        },
      ],
    ),
  );
  write('ca-key.pem', forge.pki.privateKeyToPem(ca.privateKey));
  write('server-key.pem', forge.pki.privateKeyToPem(server.privateKey));
}
