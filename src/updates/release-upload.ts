/** The way of an image into the store: checked, sent in pieces, and made a release in one step (protocol 12.2). */
import { createHash } from 'node:crypto';

import type { Random } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';
import { UpdateError, type ManifestForm, type ReleaseClaims } from '../protocol/release.js';
import type { FirmwareStore, PublishOutcome, ReleaseRecord } from '../store/firmware-store.js';
import { digestOf, type ImageSource } from './image-reader.js';
import { checkImage } from './signing.js';

export const UPLOAD = {
  pieceBytes: 64 * 1024,
  /** An upload nobody goes on with is gone after this; every piece starts it anew. */
  ttlMs: 60_000,
} as const;

export interface Published {
  /** `unchanged`: was a release by this very manifest; `signed_again`: was one by another. */
  readonly outcome: 'published' | 'signed_again' | 'unchanged';
  readonly release: ReleaseRecord;
}

export interface Publication {
  readonly image: ImageSource;
  readonly manifest: string;
  /** Of that manifest; its signature has been checked. */
  readonly form: ManifestForm;
  readonly auditEntry: string;
  readonly onProgress?: (sentBytes: number) => void;
}

/** See `ReleaseService.publish`. */
export async function publishRelease(
  store: FirmwareStore,
  random: Random,
  publication: Publication,
): Promise<Published> {
  const { form, manifest, auditEntry } = publication;
  const { kid, claims } = form;
  // Before anything is sent: a wrong image costs the store nothing, and one that is there needs no second way in.
  checkImage(form, await digestOf(publication.image));
  const { release: known, imageBytes } = await store.standing(claims.sha256);
  if (known?.withdrawnAt !== undefined) throw withdrawn(known);
  const uploadId = random.bytes(16).toString('base64url');
  try {
    if (imageBytes !== claims.size) await upload(store, uploadId, publication);
    const outcome = await store.publish({ manifest, kid, claims, uploadId, auditEntry });
    return settled(outcome, form, await store.release(claims.sha256));
  } catch (error) {
    // It would run out by itself; when the store cannot be reached it does.
    await store.discardUpload(uploadId).catch(() => undefined);
    throw error;
  }
}

/** Sends the image and holds what was sent, not what was read before, against the manifest. */
async function upload(store: FirmwareStore, uploadId: string, { image, form, onProgress }: Publication): Promise<void> {
  const hash = createHash('sha256');
  let sent = 0;
  for await (const piece of piecesOf(image, form.claims.size)) {
    hash.update(piece);
    sent += piece.length;
    if ((await store.upload(uploadId, piece, UPLOAD.ttlMs)) !== sent) throw incomplete();
    onProgress?.(sent);
  }
  checkImage(form, { size: sent, sha256: hash.digest('hex') });
}

/** The image in pieces of {@link UPLOAD.pieceBytes}, the last one shorter. Throws `size_mismatch` past `size`. */
async function* piecesOf(image: ImageSource, size: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  let total = 0;
  for await (const part of image.read()) {
    total += part.length;
    if (total > size)
      throw new UpdateError('size_mismatch', `The image has grown past the ${size} bytes of its manifest.`);
    parts.push(part);
    length += part.length;
    while (length >= UPLOAD.pieceBytes) {
      const joined = Buffer.concat(parts);
      yield joined.subarray(0, UPLOAD.pieceBytes);
      const rest = joined.subarray(UPLOAD.pieceBytes);
      parts = [rest];
      length = rest.length;
    }
  }
  if (length > 0) yield Buffer.concat(parts);
}

function settled(outcome: PublishOutcome, { claims }: ManifestForm, release: ReleaseRecord | undefined): Published {
  if (outcome === 'unknown_key')
    throw new UpdateError(
      'unknown_key',
      'The key that signed this manifest has just been removed from the trusted ones.',
    );
  if (outcome === 'incomplete' || release === undefined) throw incomplete();
  if (outcome === 'withdrawn') throw withdrawn(release);
  if (outcome === 'differs') throw differs(claims, release);
  return { outcome, release };
}

const incomplete = (): OpenLockError =>
  new OpenLockError('store_unavailable', 'The upload was lost on its way; publish the image again.', {
    retryAfterMs: 1000,
  });

function withdrawn({ withdrawnAt, claims }: ReleaseRecord): OpenLockError {
  const when = withdrawnAt === undefined ? '' : ` on ${new Date(withdrawnAt).toISOString()}`;
  return new OpenLockError(
    'invalid_request',
    `This image, release ${claims.version}, was withdrawn${when} and cannot be published again; build a new one with a newer version.`,
  );
}

function differs(wanted: ReleaseClaims, { claims }: ReleaseRecord): OpenLockError {
  const members = (['board', 'version', 'securityVersion'] as const).filter((name) => wanted[name] !== claims[name]);
  const list = members.map((name) => `${name} is ${claims[name]} there and ${wanted[name]} here`).join(', ');
  return new OpenLockError(
    'invalid_request',
    `This very image is a release already: ${list}. Signing it again may change its dates, its notes and its key, nothing else.`,
  );
}
