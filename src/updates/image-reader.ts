/** Images are read in pieces, and never held whole (protocol 12.2: streamed). */
import { createHash } from 'node:crypto';

import { RELEASE_LIMITS } from '../protocol/release.js';
import { OpenLockError } from '../protocol/problem.js';
import { tooLarge, type ImageDigest } from './signing.js';

/** Something that can be read from its beginning each time it is asked. */
export interface ImageSource {
  /** Pieces of any size, in order. */
  read(): AsyncIterable<Buffer>;
}

/** Size and SHA-256 of an image. Throws `too_large` as soon as it has passed 4 MiB, `invalid_request` for an empty one. */
export async function digestOf(image: ImageSource): Promise<ImageDigest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of image.read()) {
    size += piece.length;
    if (size > RELEASE_LIMITS.imageBytes) throw tooLarge();
    hash.update(piece);
  }
  if (size === 0) throw new OpenLockError('invalid_request', 'The image is empty.');
  return { size, sha256: hash.digest('hex') };
}
