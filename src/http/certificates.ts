/**
 * What the relay shows as its TLS certificate (protocol 11.1): the configured one, or one from a local CA that it makes for
 * itself under `<data dir>/tls`. The CA may sign for the relay's own names only, and its key may be taken away.
 */
import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

import { systemClock, type Clock } from '../clock.js';
import { ConfigError, type Config } from '../config.js';
import { readIfThere, readOrCreate, replaceFile } from '../files.js';
import { readConfiguredCertificate } from './configured-certificate.js';
import { isOfType, loadKey, pemOf, publicPemOf, readKey, replaceKey } from './key-files.js';

export interface TlsMaterial {
  /** PEM; the chain where there is one. Shown to whoever asks for no name of `byName`. */
  readonly cert: string;
  /** PEM; the key of all of them. */
  readonly key: string;
  /** PEM by DNS name: a local CA gives each public name a certificate of its own. */
  readonly byName: ReadonlyMap<string, string>;
  /** Unix milliseconds at which the first of them runs out. */
  readonly expiresAt: number;
  /** The CA that clients have to trust; `undefined` for a configured certificate. */
  readonly caPath: string | undefined;
  /** False: the local CA's key was taken away, and nothing can be renewed until it is back. */
  readonly renewable: boolean;
}

export interface TlsConfig extends Pick<Config, 'dataDir' | 'publicUrls' | 'tlsCert' | 'tlsKey' | 'tlsKeyType'> {
  /** False: somebody else on this data dir renews what will run out some day; what is good today is taken. Default true. */
  readonly renews?: boolean;
}

/** Files of the local CA, in `<data dir>/tls`. */
export const CA_FILE = 'ca.pem';
export const CA_KEY_FILE = 'ca-key.pem';
const SERVER_FILE = 'server.pem';
const SERVER_KEY_FILE = 'server-key.pem';

const DAY_MS = 86_400_000;
const EVERYBODY = 0o644;
const ALWAYS_NAMED = ['localhost', '127.0.0.1', '::1'];
const CA_DAYS = 3650;
const CA_RENEWED_DAYS_BEFORE = 1095;
/** The most that Apple's systems accept from a CA somebody installed. */
const SERVER_DAYS = 825;
/** Early: a relay whose CA key was taken away has at least this long to get it back. */
const SERVER_RENEWED_DAYS_BEFORE = 275;
/** A door's clock may be behind; the certificate must not be from its future. */
const BACKDATED_DAYS = 1;

/** The folder of the local CA and its certificates. */
export const tlsDir = (dataDir: string): string => join(dataDir, 'tls');

/**
 * The configured certificate, or those of the local CA for localhost and the names in `OPENLOCK_PUBLIC_URL`; made, or made
 * anew, when one is missing or about to expire. Several relays may start on one data dir at once. Throws
 * {@link ConfigError} for files that cannot be used, and where a certificate is wanted that the CA's absent key would have
 * to sign.
 */
export async function loadTls(config: TlsConfig, clock: Clock = systemClock): Promise<TlsMaterial> {
  if (config.tlsCert !== undefined && config.tlsKey !== undefined) {
    const configured = readConfiguredCertificate(config.tlsCert, config.tlsKey, clock);
    return { ...configured, byName: new Map(), caPath: undefined, renewable: true };
  }
  const dir = tlsDir(config.dataDir);
  mkdirSync(dir, { recursive: true });
  const hosts = [...new Set([...ALWAYS_NAMED, ...config.publicUrls.map(hostOf)])];
  // A certificate a name: an earlier copy of ca.pem, from before a name was added, would refuse one that has them all.
  const ownNamed = hosts.filter((name) => isIP(name) === 0 && !ALWAYS_NAMED.includes(name));
  const shared = hosts.filter((name) => !ownNamed.includes(name));
  const local = new LocalCertificates(dir, clock, await loadAuthority(dir, hosts, config, clock), config);
  const key = await local.serverKey();
  const cert = await local.certificate(SERVER_FILE, key, shared, hosts);
  const byName = new Map<string, string>();
  for (const name of ownNamed) byName.set(name, await local.certificate(`server-${name}.pem`, key, [name], hosts));
  return {
    cert,
    key: pemOf(key),
    byName,
    expiresAt: Math.min(...[cert, ...byName.values()].map((pem) => expiryOf(new X509Certificate(pem)))),
    caPath: join(dir, CA_FILE),
    renewable: local.authority.key !== undefined,
  };
}

/** A local CA as it lies on disk. */
export interface Authority {
  /** `undefined`: taken away. */
  readonly key: KeyObject | undefined;
  readonly certificate: X509Certificate;
}

/** The CA of the data dir; `undefined` when there is none yet. Throws {@link ConfigError} for a damaged key. */
export function readAuthority(dataDir: string): Authority | undefined {
  const certificate = parse(readIfThere(join(tlsDir(dataDir), CA_FILE)));
  return certificate === undefined ? undefined : { key: readKey(join(tlsDir(dataDir), CA_KEY_FILE)), certificate };
}

/** The certificates of `names` on disk, with the moment (Unix milliseconds) each runs out. */
export function readServerCertificates(dataDir: string, names: readonly string[]): readonly X509Certificate[] {
  return [SERVER_FILE, ...names.map((name) => `server-${name}.pem`)].flatMap(
    (file) => parse(readIfThere(join(tlsDir(dataDir), file))) ?? [],
  );
}

class LocalCertificates {
  constructor(
    readonly dir: string,
    readonly clock: Clock,
    public authority: Authority,
    readonly config: Pick<TlsConfig, 'tlsKeyType' | 'renews'>,
  ) {}

  /** The relay's own key. Another type in the settings makes a new one, unless nobody could sign a certificate for it. */
  async serverKey(): Promise<KeyObject> {
    const path = join(this.dir, SERVER_KEY_FILE);
    const existing = readKey(path);
    const signs = this.authority.key !== undefined;
    if (existing !== undefined && (!signs || isOfType(existing, this.config.tlsKeyType))) return existing;
    if (!signs) throw this.#cannotSign(`${path} is missing, and a new one needs a certificate`);
    return existing === undefined
      ? await loadKey(path, this.config.tlsKeyType)
      : await replaceKey(path, this.config.tlsKeyType);
  }

  /** The certificate in `file` if it is good for `names`, else a new one. `everyName`: what the CA has to cover. */
  async certificate(
    file: string,
    key: KeyObject,
    names: readonly string[],
    everyName: readonly string[],
  ): Promise<string> {
    const path = join(this.dir, file);
    const existing = parse(readIfThere(path));
    const flaw = flawOf(existing, key, this.authority.certificate, names, this.clock);
    if (existing !== undefined && flaw === undefined) return existing.toString();
    // As long as it is valid, an old one is better than none.
    if (existing !== undefined && flaw === 'renewable' && !this.#mayRenew) return existing.toString();
    const signer = this.authority.key;
    if (signer === undefined) throw this.#cannotSign(`${path} ${flaw ?? 'is missing'}`);
    this.authority = await coverNames(this.dir, { ...this.authority, key: signer }, everyName, this.clock);
    const { makeServerCertificate } = await import('./certificate-maker.js');
    const authority = { key: signer, certificate: this.authority.certificate.toString() };
    const made = await makeServerCertificate(key, authority, names, validity(SERVER_DAYS, this.clock));
    const problem = flawOf(new X509Certificate(made), key, this.authority.certificate, names, this.clock);
    if (problem !== undefined) throw new Error(`the certificate just made does not pass its own check: ${problem}`);
    replaceFile(path, EVERYBODY, made);
    return made;
  }

  get #mayRenew(): boolean {
    return this.authority.key !== undefined && this.config.renews !== false;
  }

  #cannotSign(what: string): ConfigError {
    return new ConfigError([
      `OPENLOCK_DATA_DIR: ${what}, and the local CA’s key is not here to sign one. Bring it back as ${join(this.dir, CA_KEY_FILE)} (mode 600), start, and take it away again.`,
    ]);
  }
}

/** The CA of the data dir, made where there is none. Its key never changes by itself: who trusts it goes on doing so. */
async function loadAuthority(
  dir: string,
  names: readonly string[],
  { tlsKeyType, renews = true }: TlsConfig,
  clock: Clock,
): Promise<Authority> {
  const path = join(dir, CA_FILE);
  const keyPath = join(dir, CA_KEY_FILE);
  const text = readIfThere(path);
  const certificate = parse(text);
  const existingKey = readKey(keyPath);
  if (certificate?.ca === true && existingKey === undefined) return { key: undefined, certificate };
  const key = existingKey ?? (await loadKey(keyPath, tlsKeyType));
  const isGood =
    certificate?.ca === true &&
    certificate.checkPrivateKey(key) &&
    daysLeft(certificate, clock) > (renews ? CA_RENEWED_DAYS_BEFORE : 0);
  if (isGood) return { key, certificate };
  const { constrainedNames } = await import('./certificate-maker.js');
  const before = certificate?.ca === true ? (constrainedNames(certificate.toString()) ?? []) : [];
  const made = await newAuthority(key, [...new Set([...before, ...names])], clock);
  // Of several that start at once on an empty folder, one makes it.
  if (text === undefined) return { key, certificate: new X509Certificate(readOrCreate(path, EVERYBODY, () => made)) };
  replaceFile(path, EVERYBODY, made);
  return { key, certificate: new X509Certificate(made) };
}

/** The same CA, with a certificate of wider constraints where it could not sign for all of `names`. */
async function coverNames(
  dir: string,
  authority: Authority & { readonly key: KeyObject },
  names: readonly string[],
  clock: Clock,
): Promise<Authority> {
  const { constrainedNames } = await import('./certificate-maker.js');
  const covered = constrainedNames(authority.certificate.toString());
  // One of an older release has no constraints; doors hold copies of it, and it stays as it is.
  if (covered === undefined || names.every((name) => covered.includes(name))) return authority;
  const made = await newAuthority(authority.key, [...new Set([...covered, ...names])], clock);
  replaceFile(join(dir, CA_FILE), EVERYBODY, made);
  return { key: authority.key, certificate: new X509Certificate(made) };
}

async function newAuthority(key: KeyObject, names: readonly string[], clock: Clock): Promise<string> {
  const { makeAuthority } = await import('./certificate-maker.js');
  // A name of its own for each CA, so that several of them in one trust store are told apart.
  const mark = createHash('sha256').update(publicPemOf(key)).digest('hex').slice(0, 8);
  return makeAuthority(key, `OpenLock local CA ${mark}`, names, validity(CA_DAYS, clock));
}

const validity = (days: number, clock: Clock): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(clock.now() - BACKDATED_DAYS * DAY_MS),
  notAfter: new Date(clock.now() + days * DAY_MS),
});

/** What keeps a certificate from being shown; `renewable`: nothing yet, but it is time for a new one. */
function flawOf(
  certificate: X509Certificate | undefined,
  key: KeyObject,
  authority: X509Certificate,
  names: readonly string[],
  clock: Clock,
): string | undefined {
  if (certificate === undefined) return 'is missing or damaged';
  if (!certificate.checkPrivateKey(key)) return 'is for another key';
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) return 'is from another CA';
  const missing = names.find((name) => !isNamed(certificate, name));
  if (missing !== undefined) return `lacks the name ${missing}`;
  if (Date.parse(certificate.validFrom) > clock.now()) return `is not valid before ${certificate.validFrom}`;
  if (expiryOf(certificate) <= clock.now()) return `ran out on ${certificate.validTo}`;
  return daysLeft(certificate, clock) > SERVER_RENEWED_DAYS_BEFORE ? undefined : 'renewable';
}

function isNamed(certificate: X509Certificate, name: string): boolean {
  const found = isIP(name) === 0 ? certificate.checkHost(name, { subject: 'never' }) : certificate.checkIP(name);
  return found !== undefined;
}

export function hostOf(origin: string): string {
  return new URL(origin).hostname.replace(/^\[|\]$/g, '');
}

/** Unix milliseconds at which a certificate runs out. */
export const expiryOf = (certificate: X509Certificate): number => Date.parse(certificate.validTo);

const daysLeft = (certificate: X509Certificate, clock: Clock): number => (expiryOf(certificate) - clock.now()) / DAY_MS;

function parse(pem: string | undefined): X509Certificate | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
