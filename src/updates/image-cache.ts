/** Images in memory, one copy a relay however many doors download it, and only while they do. */
import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import { RELEASE_LIMITS } from '../protocol/release-limits.js';
import { encodeChunk } from '../protocol/update-frames.js';

export interface ImageCacheDependencies {
  /** Reads a piece of an image; shorter at its end. */
  readonly read: (sha256: string, offset: number, length: number) => Promise<Buffer>;
}

/** Small enough not to hold up commands behind one reply of the store. */
const PIECE_BYTES = 64 * 1024;
const CACHE_BYTES = 8 * RELEASE_LIMITS.imageBytes;
const BLOCK = RELEASE_LIMITS.chunkBytes;
const UNUSED_MS = 10 * 60_000;

/** An image as the frames of its whole blocks: what doors ask for is sent as it lies here, for all of them the same bytes. */
export class FirmwareImage {
  readonly #image: Buffer;
  readonly #frames: readonly Uint8Array[];

  constructor(image: Buffer) {
    this.#image = image;
    this.#frames = Array.from({ length: Math.ceil(image.length / BLOCK) }, (_, index) =>
      encodeChunk(index * BLOCK, image.subarray(index * BLOCK, (index + 1) * BLOCK)),
    );
  }

  /** Bytes in memory: the image twice, once for those who ask for pieces of blocks. */
  get weight(): number {
    return this.#image.length * 2;
  }

  /** The frame that answers a `get` (protocol 12.4); shorter where the image ends. */
  frame(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#image.length);
    const whole =
      offset % BLOCK === 0 && end === Math.min(offset + BLOCK, this.#image.length)
        ? this.#frames[offset / BLOCK]
        : undefined;
    return whole ?? encodeChunk(offset, this.#image.subarray(offset, end));
  }
}

export class ImageCache {
  readonly #deps: ImageCacheDependencies;
  readonly #images = new LRUCache<string, FirmwareImage>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (image) => image.weight,
    ttl: UNUSED_MS,
    updateAgeOnGet: true,
    ttlAutopurge: true,
  });
  readonly #loading = new Map<string, Promise<FirmwareImage>>();

  constructor(dependencies: ImageCacheDependencies) {
    this.#deps = dependencies;
  }

  /** The whole image, checked against its digest. Throws when the store does not have exactly these bytes. */
  async get(sha256: string, size: number): Promise<FirmwareImage> {
    const present = this.#images.get(sha256);
    if (present !== undefined) return present;
    let loading = this.#loading.get(sha256);
    if (loading === undefined) {
      loading = this.#load(sha256, size).finally(() => this.#loading.delete(sha256));
      this.#loading.set(sha256, loading);
    }
    return loading;
  }

  /** Forgets an image at once: it was withdrawn. */
  drop(sha256: string): void {
    this.#images.delete(sha256);
  }

  async #load(sha256: string, size: number): Promise<FirmwareImage> {
    const image = Buffer.alloc(size);
    for (let offset = 0; offset < size; offset += PIECE_BYTES) {
      const piece = await this.#deps.read(sha256, offset, Math.min(PIECE_BYTES, size - offset));
      if (piece.length !== Math.min(PIECE_BYTES, size - offset))
        throw new Error(`the store has no whole image ${sha256}`);
      piece.copy(image, offset);
    }
    if (createHash('sha256').update(image).digest('hex') !== sha256)
      throw new Error(`the image stored as ${sha256} is another one`);
    const frames = new FirmwareImage(image);
    this.#images.set(sha256, frames);
    return frames;
  }
}
