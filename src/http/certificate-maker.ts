/**
 * Makes certificates. Loaded only when one has to be made (protocol 11.1): a start that finds good ones does without it.
 */
import 'reflect-metadata';

import { createPublicKey, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName as AsnGeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface Signer {
  readonly key: KeyObject;
  /** PEM of its certificate. */
  readonly certificate: string;
}

x509.cryptoProvider.set(webcrypto as Crypto);

/**
 * A CA that can sign for `names` (DNS names with what is below them, IP addresses) and for nothing else.
 *
 * RFC 5280 wants the constraints critical. mbedTLS, which is what a board has, knows none and refuses a CA with a critical
 * extension it does not know; so they are not. Whoever knows them (OpenSSL, browsers, Node) holds to them all the same.
 */
export async function makeAuthority(
  key: KeyObject,
  commonName: string,
  names: readonly string[],
  validity: Validity,
): Promise<string> {
  const keys = await webKeys(key);
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees(names.map((name) => new GeneralSubtree({ base: subtreeOf(name) }))),
  });
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    name: [{ CN: [commonName] }],
    serialNumber: serialNumber(),
    signingAlgorithm: signatureOf(key),
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.Extension(id_ce_nameConstraints, false, AsnConvert.serialize(constraints)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pem(certificate);
}

/** A server's certificate for `names`. */
export async function makeServerCertificate(
  key: KeyObject,
  signer: Signer,
  names: readonly string[],
  validity: Validity,
): Promise<string> {
  const authority = new x509.X509Certificate(signer.certificate);
  const publicKey = (await webKeys(key)).publicKey;
  const authorityKeyId = authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const certificate = await x509.X509CertificateGenerator.create({
    publicKey,
    signingKey: (await webKeys(signer.key)).privateKey,
    signingAlgorithm: signatureOf(signer.key),
    subject: [{ CN: ['OpenLock relay'] }],
    issuer: authority.subjectName.toJSON(),
    serialNumber: serialNumber(),
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature |
          // RSA key exchange is off; some clients still ask for the flag of an RSA key.
          (key.asymmetricKeyType === 'rsa' ? x509.KeyUsageFlags.keyEncipherment : 0),
        true,
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => new x509.GeneralName(isIP(name) === 0 ? 'dns' : 'ip', name)),
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ...(authorityKeyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(authorityKeyId)]),
    ],
  });
  return pem(certificate);
}

/** The names a CA may sign for; `undefined`: it is not constrained. */
export function constrainedNames(authority: string): readonly string[] | undefined {
  const extension = new x509.X509Certificate(authority).getExtension(id_ce_nameConstraints);
  if (extension === null) return undefined;
  const { permittedSubtrees } = AsnConvert.parse(extension.value, NameConstraints);
  return [...(permittedSubtrees ?? [])].flatMap(({ base }) => base.dNSName ?? base.iPAddress?.split('/')[0] ?? []);
}

function subtreeOf(name: string): AsnGeneralName {
  const version = isIP(name);
  if (version === 0) return new AsnGeneralName({ dNSName: name });
  return new AsnGeneralName({ iPAddress: `${name}/${version === 4 ? 32 : 128}` });
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;

const signatureOf = (key: KeyObject): typeof ECDSA | typeof RSA => (key.asymmetricKeyType === 'rsa' ? RSA : ECDSA);

async function webKeys(key: KeyObject): Promise<CryptoKeyPair> {
  const algorithm = signatureOf(key);
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  // Positive, and without leading zeros.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}
