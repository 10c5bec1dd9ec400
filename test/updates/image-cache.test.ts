import { createHash, randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { FirmwareImage, ImageCache } from '../../src/updates/image-cache.js';
import { decodeChunk } from '../../src/protocol/update-frames.js';

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

/** What a door would have that asked for all of it. */
function wholeOf(stored: FirmwareImage | undefined): Buffer {
  const offsets = Array.from({ length: Math.ceil(image.length / 4096) }, (_, index) => index * 4096);
  return Buffer.concat(
    offsets.map((offset) => decodeChunk(stored?.frame(offset, 4096) ?? new Uint8Array())?.bytes ?? Buffer.alloc(0)),
  );
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
    expect(wholeOf(all[0]).equals(image)).to.equal(true);
    expect(reads()).to.equal(Math.ceil(image.length / 65_536));
    await cache.get(sha256, image.length);
    expect(reads()).to.equal(4);
  });

  it('serves nothing that is not the image, byte for byte', async () => {
    const flipped = Buffer.from(image);
    flipped[100_000] = (flipped[100_000] ?? 0) ^ 1;
    expect(await failure(cacheOf(flipped).cache.get(sha256, image.length))).to.contain('another one');
    expect(await failure(cacheOf(image.subarray(0, 150_000)).cache.get(sha256, image.length))).to.contain(
      'no whole image',
    );
    expect(await failure(cacheOf(Buffer.alloc(0)).cache.get(sha256, image.length))).to.contain('no whole image');
  });

  it('gives the bytes asked for, whole blocks or not, without copying whole ones', () => {
    const stored = new FirmwareImage(image);
    expect(stored.frame(8192, 4096)).to.equal(stored.frame(8192, 4096));
    const lastBlock = Math.floor(image.length / 4096) * 4096;
    for (const [offset, length] of [
      [0, 4096],
      [lastBlock, 4096],
      [lastBlock, 1],
      [100, 4096],
      [4095, 2],
      [image.length - 1, 4096],
      [0, 4095],
    ] as const) {
      const chunk = decodeChunk(stored.frame(offset, length));
      expect(chunk?.offset).to.equal(offset);
      expect(
        Buffer.from(chunk?.bytes ?? []).equals(image.subarray(offset, offset + length)),
        `${offset}+${length}`,
      ).to.equal(true);
    }
  });

  it('tries again after a failure', async () => {
    let stored = Buffer.alloc(0);
    const cache = new ImageCache({
      read: (_sha256, offset, length) => Promise.resolve(stored.subarray(offset, offset + length)),
    });
    expect(await failure(cache.get(sha256, image.length))).to.contain('no whole image');
    stored = image;
    expect(wholeOf(await cache.get(sha256, image.length)).equals(image)).to.equal(true);
  });
});
