/**
 * What the relay shows as its TLS certificate (protocol 11.1): the configured one, or one from a local CA that it makes for
 * itself under `<data dir>/tls`. Keys come from node:crypto, which is many times faster; node-forge makes the certificates;
 * node:crypto checks them.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

import forge from 'node-forge';

import { systemClock, type Clock } from '../clock.js';
import { ConfigError, type Config } from '../config.js';
import { OWNER_ONLY, readIfThere, readOrCreate, replaceFile } from '../files.js';
import { readConfiguredCertificate } from './configured-certificate.js';

export interface TlsMaterial {
  /** PEM; the chain where there is one. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** The CA that clients have to trust; `undefined` for a configured certificate. */
  readonly caPath: string | undefined;
}

export type TlsConfig = Pick<Config, 'dataDir' | 'publicUrls' | 'tlsCert' | 'tlsKey'>;

const DAY_MS = 86_400_000;
const EVERYBODY = 0o644;
const ALWAYS_NAMED = ['localhost', '127.0.0.1', '::1'];
const CA_DAYS = 3650;
const CA_RENEWED_DAYS_BEFORE = 1095;
/** The most that Apple's systems accept from a CA somebody installed. */
const SERVER_DAYS = 825;
/** Renewal happens at a start, so a relay may run for a year without one. */
const SERVER_RENEWED_DAYS_BEFORE = 365;
/** A door's clock may be behind; the certificate must not be from its future. */
const BACKDATED_DAYS = 1;

/**
 * The configured certificate, or one of the local CA for localhost and the names in `OPENLOCK_PUBLIC_URL`; made, or made
 * anew, when it is missing, lacks a name or is about to expire. Several relays may start on one data dir at once. Throws
 * {@link ConfigError} for files that cannot be used.
 */
export async function loadTls(config: TlsConfig, clock: Clock = systemClock): Promise<TlsMaterial> {
  if (config.tlsCert !== undefined && config.tlsKey !== undefined) {
    return { ...readConfiguredCertificate(config.tlsCert, config.tlsKey, clock), caPath: undefined };
  }
  const dir = join(config.dataDir, 'tls');
  mkdirSync(dir, { recursive: true });
  const names = [...new Set([...ALWAYS_NAMED, ...config.publicUrls.map(hostOf)])];
  const [ca, key] = await Promise.all([loadAuthority(dir, clock), loadKey(join(dir, 'server-key.pem'))]);
  const path = join(dir, 'server.pem');
  const existing = parse(readIfThere(path));
  if (existing !== undefined && isGood(existing, key, ca.certificate, names, clock))
    return { cert: existing.toString(), key: pemOf(key), caPath: ca.path };
  const cert = issue({ key, authority: ca, names, days: SERVER_DAYS, clock });
  const made = new X509Certificate(cert);
  if (!isGood(made, key, ca.certificate, names, clock))
    throw new Error('the certificate just made does not pass its own check');
  replaceFile(path, EVERYBODY, cert);
  return { cert, key: pemOf(key), caPath: ca.path };
}

interface Authority {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
  readonly path: string;
}

/** The CA of the data dir. Its key never changes by itself, so that clients who trust it go on doing so after a renewal. */
async function loadAuthority(dir: string, clock: Clock): Promise<Authority> {
  const key = await loadKey(join(dir, 'ca-key.pem'));
  const path = join(dir, 'ca.pem');
  const make = (): string => issue({ key, days: CA_DAYS, clock });
  const good = (certificate: X509Certificate | undefined): certificate is X509Certificate =>
    certificate !== undefined &&
    certificate.ca &&
    certificate.checkPrivateKey(key) &&
    daysLeft(certificate, clock) > CA_RENEWED_DAYS_BEFORE;
  const existing = parse(readOrCreate(path, EVERYBODY, make));
  if (good(existing)) return { key, certificate: existing, path };
  const renewed = make();
  replaceFile(path, EVERYBODY, renewed);
  return { key, certificate: new X509Certificate(renewed), path };
}

/** The key in `path`, made if there is none. Of several processes at once all get the same. */
async function loadKey(path: string): Promise<KeyObject> {
  const existing = readIfThere(path);
  const text = existing ?? (await newKey());
  try {
    return createPrivateKey(existing ?? readOrCreate(path, OWNER_ONLY, () => text));
  } catch (error) {
    throw new ConfigError([
      `OPENLOCK_DATA_DIR: ${path} is not a private key (${error instanceof Error ? error.message : String(error)}). Restore it, or remove it for a new one.`,
    ]);
  }
}

async function newKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return pemOf(privateKey);
}

function isGood(
  certificate: X509Certificate,
  key: KeyObject,
  authority: X509Certificate,
  names: readonly string[],
  clock: Clock,
): boolean {
  return (
    certificate.checkPrivateKey(key) &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey) &&
    daysLeft(certificate, clock) > SERVER_RENEWED_DAYS_BEFORE &&
    Date.parse(certificate.validFrom) <= clock.now() &&
    names.every(
      (name) =>
        (isIP(name) === 0 ? certificate.checkHost(name, { subject: 'never' }) : certificate.checkIP(name)) !==
        undefined,
    )
  );
}

interface Issue {
  /** Key of the certificate; without an `authority` it signs itself. */
  readonly key: KeyObject;
  readonly authority?: Authority;
  readonly names?: readonly string[];
  readonly days: number;
  readonly clock: Clock;
}

/** Makes a CA certificate, or with `authority` a server's. Result: PEM. */
function issue({ key, authority, names = [], days, clock }: Issue): string {
  const certificate = forge.pki.createCertificate();
  const signer = authority?.key ?? key;
  const signerPublic = forge.pki.publicKeyFromPem(publicPemOf(signer));
  certificate.publicKey = forge.pki.publicKeyFromPem(publicPemOf(key));
  certificate.serialNumber = serialNumber();
  certificate.validity.notBefore = new Date(clock.now() - BACKDATED_DAYS * DAY_MS);
  certificate.validity.notAfter = new Date(clock.now() + days * DAY_MS);
  // A name of its own for each CA, so that several of them in one trust store are told apart.
  const issuer = `OpenLock local CA ${createHash('sha256').update(publicPemOf(signer)).digest('hex').slice(0, 8)}`;
  certificate.setIssuer([{ name: 'commonName', value: issuer }]);
  certificate.setSubject([{ name: 'commonName', value: authority === undefined ? issuer : 'OpenLock relay' }]);
  const keyIdentifier = forge.pki.getPublicKeyFingerprint(signerPublic, { type: 'RSAPublicKey' }).getBytes();
  certificate.setExtensions([
    ...(authority === undefined ? authorityExtensions() : serverExtensions(names)),
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(pemOf(signer)), forge.md.sha256.create());
  // forge writes CRLF; everything else here, and node:crypto, plain newlines.
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

function authorityExtensions(): readonly object[] {
  return [
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
  ];
}

function serverExtensions(names: readonly string[]): readonly object[] {
  return [
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    // GeneralName: 2 is a DNS name, 7 an IP address.
    {
      name: 'subjectAltName',
      altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
    },
  ];
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  // Positive, and without leading zeros.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function hostOf(origin: string): string {
  return new URL(origin).hostname.replace(/^\[|\]$/g, '');
}

function daysLeft(certificate: X509Certificate, clock: Clock): number {
  return (Date.parse(certificate.validTo) - clock.now()) / DAY_MS;
}

function parse(pem: string | undefined): X509Certificate | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function publicPemOf(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}
