import { generateKeyPairSync } from 'node:crypto';

import forge from 'node-forge';

export interface TestCertificate {
  /** PEM of the authority. */
  readonly ca: string;
  /** PEM of the server's certificate and key, for localhost and 127.0.0.1. */
  readonly cert: string;
  readonly key: string;
}

/** An authority and a server certificate, valid for a day. */
export function makeCertificate(): TestCertificate {
  const ca = keyPair();
  const server = keyPair();
  const name = [{ name: 'commonName', value: 'stand-in authority' }];
  const root = certificate('01', ca.publicKey, name, name, ca.privateKey, [
    { name: 'basicConstraints', cA: true, critical: true },
  ]);
  const names = {
    name: 'subjectAltName',
    altNames: [
      { type: 2, value: 'localhost' },
      { type: 7, ip: '127.0.0.1' },
    ],
  };
  const leaf = certificate('02', server.publicKey, [{ name: 'commonName', value: 'localhost' }], name, ca.privateKey, [
    names,
  ]);
  return { ca: root, cert: leaf, key: server.pem };
}

function keyPair(): { publicKey: forge.pki.rsa.PublicKey; privateKey: forge.pki.rsa.PrivateKey; pem: string } {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    publicKey: forge.pki.publicKeyFromPem(pair.publicKey),
    privateKey: forge.pki.privateKeyFromPem(pair.privateKey),
    pem: pair.privateKey,
  };
}

function certificate(
  serial: string,
  publicKey: forge.pki.rsa.PublicKey,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
  signer: forge.pki.rsa.PrivateKey,
  extensions: object[],
): string {
  const made = forge.pki.createCertificate();
  made.publicKey = publicKey;
  made.serialNumber = serial;
  made.validity.notBefore = new Date(Date.now() - 3_600_000);
  made.validity.notAfter = new Date(Date.now() + 86_400_000);
  made.setSubject(subject);
  made.setIssuer(issuer);
  made.setExtensions(extensions);
  made.sign(signer, forge.md.sha256.create());
  return forge.pki.certificateToPem(made);
}
