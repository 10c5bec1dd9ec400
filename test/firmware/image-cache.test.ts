import { createHash, randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { ImageCache } from '../../src/firmware/image-cache.js';

const image = randomBytes(200_000);
const sha256 = createHash('sha256').update(image).digest('hex');

/** A store of one image that counts what is read. */
function cacheOf(stored: Buffer): { cache: ImageCache; reads: () => number } {
  let reads = 0;
  const cache = new ImageCache({
    read: async (_sha256, offset, length) => {
      reads += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return stored.subarray(offset, offset + length);
    },
  });
  return { cache, reads: () => reads };
}

async function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe('the image cache', () => {
  it('reads an image once, for however many doors at once', async () => {
    const { cache, reads } = cacheOf(image);
    const all = await Promise.all(Array.from({ length: 500 }, () => cache.get(sha256, image.length)));
    expect(new Set(all).size, 'one copy').to.equal(1);
    expect(all[0]?.equals(image)).to.equal(true);
    expect(reads()).to.equal(Math.ceil(image.length / 65_536));
    await cache.get(sha256, image.length);
    expect(reads()).to.equal(4);
  });

  it('serves nothing that is not the image, byte for byte', async () => {
    const flipped = Buffer.from(image);
    flipped[100_000] = (flipped[100_000] ?? 0) ^ 1;
    expect(await failure(cacheOf(flipped).cache.get(sha256, image.length))).to.contain('another one');
    expect(await failure(cacheOf(image.subarray(0, 150_000)).cache.get(sha256, image.length))).to.contain('no whole image');
    expect(await failure(cacheOf(Buffer.alloc(0)).cache.get(sha256, image.length))).to.contain('no whole image');
  });

  it('tries again after a failure', async () => {
    let stored = Buffer.alloc(0);
    const cache = new ImageCache({ read: (_sha256, offset, length) => Promise.resolve(stored.subarray(offset, offset + length)) });
    expect(await failure(cache.get(sha256, image.length))).to.contain('no whole image');
    stored = image;
    expect((await cache.get(sha256, image.length)).equals(image)).to.equal(true);
  });
});
