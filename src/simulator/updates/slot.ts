import { createHash } from 'node:crypto';

import type { ReleaseClaims } from '../../protocol/release.js';

/**
 * The slot an image is written to. It is flash: a restart leaves it as it is, and the same digest goes on where the last
 * whole block ended (protocol 12.5). The simulation keeps the running hash in place of the bytes, so a slot ends with its
 * process and does not survive in a door's store.
 */
export class UpdateSlot {
  readonly sha256: string;
  readonly size: number;
  readonly #hash = createHash('sha256');
  readonly #image: Buffer | undefined;
  #written = 0;

  constructor({ sha256, size }: Pick<ReleaseClaims, 'sha256' | 'size'>, keepImage: boolean) {
    this.sha256 = sha256;
    this.size = size;
    this.#image = keepImage ? Buffer.alloc(size) : undefined;
  }

  /** Bytes written: whole blocks, or all of it. */
  get written(): number {
    return this.#written;
  }

  get complete(): boolean {
    return this.#written === this.size;
  }

  /** What was downloaded, if it is kept. */
  get image(): Buffer | undefined {
    return this.#image;
  }

  holds(claims: Pick<ReleaseClaims, 'sha256' | 'size'>): boolean {
    return this.sha256 === claims.sha256 && this.size === claims.size;
  }

  append(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#image?.set(bytes, this.#written);
    this.#written += bytes.length;
  }

  /** True when what was streamed, and what can be read back, is the image that was announced. */
  matches(): boolean {
    if (this.#hash.copy().digest('hex') !== this.sha256) return false;
    return this.#image === undefined || createHash('sha256').update(this.#image).digest('hex') === this.sha256;
  }
}
