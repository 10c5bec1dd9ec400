// INTERIM by the lead so that the relay runs; the STORE helper replaces this file.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import forge from 'node-forge';

import type { Config } from '../config.js';

export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly caPath: string | undefined;
}

export function loadTls(config: Config): Promise<TlsMaterial> {
  if (config.tlsCert !== undefined && config.tlsKey !== undefined) {
    return Promise.resolve({ cert: readFileSync(config.tlsCert, 'utf8'), key: readFileSync(config.tlsKey, 'utf8'), caPath: undefined });
  }
  const dir = join(config.dataDir, 'tls');
  mkdirSync(dir, { recursive: true });
  const path = (name: string): string => join(dir, name);
  if (!existsSync(path('ca.pem'))) {
    const pem = (): { priv: string; pub: string } => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      return { priv: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), pub: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
    };
    const ca = pem();
    const server = pem();
    const make = (subject: string, publicPem: string, extensions: object[]): string => {
      const cert = forge.pki.createCertificate();
      cert.publicKey = forge.pki.publicKeyFromPem(publicPem);
      cert.serialNumber = `01${Date.now().toString(16)}`.padEnd(16, '0').slice(0, 16);
      cert.validity.notBefore = new Date(Date.now() - 3600_000);
      cert.validity.notAfter = new Date(Date.now() + 365 * 86400_000);
      cert.setSubject([{ name: 'commonName', value: subject }]);
      cert.setIssuer([{ name: 'commonName', value: 'OpenLock local CA' }]);
      cert.setExtensions(extensions);
      cert.sign(forge.pki.privateKeyFromPem(ca.priv), forge.md.sha256.create());
      return forge.pki.certificateToPem(cert);
    };
    const caPem = make('OpenLock local CA', ca.pub, [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }]);
    const certPem = make('localhost', server.pub, [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }, { type: 7, ip: '127.0.0.1' }, { type: 7, ip: '::1' }] },
    ]);
    writeFileSync(path('server.key'), server.priv, { mode: 0o600 });
    writeFileSync(path('server.pem'), certPem);
    writeFileSync(path('ca.pem'), caPem);
  }
  return Promise.resolve({ cert: readFileSync(path('server.pem'), 'utf8'), key: readFileSync(path('server.key'), 'utf8'), caPath: path('ca.pem') });
}
