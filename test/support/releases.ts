/** Release keys, images and manifests (protocol 12.1) by node:crypto alone: independent of what signs and checks them in src/. */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

export interface ReleaseKey {
  readonly privateKey: KeyObject;
  /** SPKI PEM. */
  readonly pem: string;
  /** PKCS#8 PEM. */
  readonly privatePem: string;
  readonly kid: string;
}

export function makeReleaseKey(): ReleaseKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  return {
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    kid: createHash('sha256').update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`).digest('base64url'),
  };
}

export interface TestRelease {
  readonly image: Buffer;
  readonly sha256: string;
  readonly version: string;
  readonly manifest: string;
}

export interface ReleaseRequest {
  readonly key: ReleaseKey;
  readonly version: string;
  readonly board?: string;
  readonly securityVersion?: number;
  /** Absent: random bytes, three whole blocks and a piece. */
  readonly image?: Buffer;
  /** Laid over the claims. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Laid over the protected header. */
  readonly header?: Readonly<Record<string, unknown>>;
}

const DAY_MS = 86_400_000;

export function makeRelease({
  key,
  version,
  board = 'simulator',
  securityVersion = 0,
  image = randomBytes(3 * 4096 + 777),
  claims = {},
  header = {},
}: ReleaseRequest): TestRelease {
  const sha256 = createHash('sha256').update(image).digest('hex');
  const now = Date.now();
  const body = {
    product: 'esplock',
    board,
    version,
    securityVersion,
    size: image.length,
    sha256,
    createdAt: now,
    expiresAt: now + 30 * DAY_MS,
    ...claims,
  };
  return { image, sha256, version, manifest: signManifest(key, body, header) };
}

export function signManifest(key: ReleaseKey, claims: object, header: Readonly<Record<string, unknown>> = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'ES256', typ: 'openlock-release+jws', kid: key.kid, ...header })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The binary frame of protocol 12.4. */
export function blockFrame(image: Buffer, offset: number, length: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(offset);
  return Buffer.concat([head, image.subarray(offset, offset + length)]);
}
