import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { RELEASE_LIMITS } from '../../src/protocol/release.js';
import { firmwareKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { killProcess, openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';
import { makeRelease, makeReleaseKey } from '../support/releases.js';
import { auditOf, detail, imageOf, refusal, releaseDesk, type ReleaseDesk } from './support/releases.js';

const STUCK = fileURLToPath(new URL('support/stuck-publisher.ts', import.meta.url));
const BIG = 1_200_000;

describe('publishing on a real Redis', function () {
  this.timeout(30_000);
  const key = makeReleaseKey();
  let redis: TestRedis;
  let link: RedisLink;
  let admin: RedisLink;
  let desk: ReleaseDesk;

  before(async () => {
    redis = await startTestRedis();
    admin = await openAdmin(redis);
    link = await redis.link();
  });
  after(async () => {
    await admin.close();
    await redis.stop();
  });
  beforeEach(async () => {
    await admin.run((client) => client.flushall());
    desk = releaseDesk(link);
    await desk.service.trust(key.pem);
  });

  const names = (pattern: string): Promise<readonly string[]> => admin.run((client) => client.keys(pattern));
  const uploads = (): Promise<readonly string[]> => names(firmwareKeys.upload('*').replace('{', '[{]'));
  const publish = ({ image, manifest }: { image: Buffer; manifest: string }) =>
    desk.service.publish({ image: imageOf(image), manifest });

  it('publishes an image: whole, readable in pieces, with its record and its audit entry', async () => {
    const release = makeRelease({
      key,
      version: '1.3.0',
      board: 'esp32dev',
      image: randomBytes(BIG),
      claims: { notes: 'quieter/ü' },
    });
    const sent: number[] = [];
    const { outcome, release: record } = await desk.service.publish({
      manifest: release.manifest,
      image: imageOf(release.image.subarray(0, 70_001), release.image.subarray(70_001)),
      onProgress: (bytes) => sent.push(bytes),
    });
    expect(outcome).to.equal('published');
    expect(record).to.deep.include({
      sha256: release.sha256,
      manifest: release.manifest,
      kid: key.kid,
      withdrawnAt: undefined,
    });
    expect(record.claims).to.include({ version: '1.3.0', board: 'esp32dev', size: BIG, notes: 'quieter/ü' });
    expect(record.publishedAt).to.be.closeTo(Date.now(), 5000);
    expect(sent).to.deep.equal([...Array.from({ length: 18 }, (_, index) => (index + 1) * 65_536), BIG]);
    const pieces: Buffer[] = [];
    for (let at = 0; at < BIG; at += 50_000) pieces.push(await desk.store.readImage(release.sha256, at, 50_000));
    expect(Buffer.concat(pieces).equals(release.image)).to.equal(true);
    expect(await desk.store.readImage(release.sha256, BIG, 4096)).to.have.length(0);
    expect(await desk.store.readImage(release.sha256, 0, 0)).to.have.length(0);
    expect(await admin.run((client) => client.ttl(firmwareKeys.image(release.sha256)))).to.equal(-1);
    expect(await uploads()).to.deep.equal([]);
    expect(await auditOf(link)).to.deep.include.members([
      {
        at: (await auditOf(link)).at(-1)?.['at'],
        node: 'cli',
        kind: 'release_published',
        actor: 'cli:tester',
        target: `release:${release.sha256}`,
        release: release.sha256,
        code: '1.3.0 esp32dev',
      },
    ]);
  });

  it('takes an image of 4 MiB, and of one byte', async () => {
    for (const size of [RELEASE_LIMITS.imageBytes, 1])
      expect((await publish(makeRelease({ key, version: `1.0.${size}`, image: randomBytes(size) }))).outcome).to.equal(
        'published',
      );
  });

  it('does nothing when the same is published again, and sends nothing', async () => {
    const release = makeRelease({ key, version: '1.3.0' });
    await publish(release);
    const before = await auditOf(link);
    const sent: number[] = [];
    const again = await desk.service.publish({
      image: imageOf(release.image),
      manifest: release.manifest,
      onProgress: (bytes) => sent.push(bytes),
    });
    expect(again.outcome).to.equal('unchanged');
    expect(sent).to.deep.equal([]);
    expect(await auditOf(link)).to.deep.equal(before);
  });

  it('lets an image be signed again, by another trusted key, but not as something else', async () => {
    const image = randomBytes(9000);
    const first = makeRelease({ key, version: '1.3.0', board: 'esp32dev', image });
    const { release: before } = await publish(first);
    const other = makeReleaseKey();
    await desk.service.trust(other.pem);
    const again = makeRelease({ key: other, version: '1.3.0', board: 'esp32dev', image, claims: { notes: 'longer' } });
    const { outcome, release } = await publish(again);
    expect(outcome).to.equal('signed_again');
    expect(release).to.include({ manifest: again.manifest, kid: other.kid, publishedAt: before.publishedAt });
    for (const [change, said] of [
      [{ version: '1.3.1' }, 'version is 1.3.0 there and 1.3.1 here'],
      [{ board: 'esp32-s3' }, 'board is esp32dev there and esp32-s3 here'],
      [{ securityVersion: 9 }, 'securityVersion is 0 there and 9 here'],
    ] as const) {
      const differing = makeRelease({ key, version: '1.3.0', board: 'esp32dev', image, claims: change });
      expect(await refusal(publish(differing))).to.equal('invalid_request');
      expect(await detail(publish(differing))).to.contain(said);
    }
    expect((await desk.service.find('1.3.0')).manifest).to.equal(again.manifest);
    expect(await uploads()).to.deep.equal([]);
  });

  it('refuses, each with its code, and leaves nothing behind', async () => {
    const stranger = makeReleaseKey();
    const good = makeRelease({ key, version: '1.3.0' });
    const flipped = Buffer.from(good.image);
    flipped[5000] = (flipped[5000] ?? 0) ^ 1;
    const tooLarge = Buffer.alloc(RELEASE_LIMITS.imageBytes + 1);
    const cases: readonly (readonly [{ image: Buffer; manifest: string }, string])[] = [
      [makeRelease({ key: stranger, version: '1.3.0' }), 'unknown_key'],
      [makeRelease({ key: { ...stranger, kid: key.kid }, version: '1.3.0' }), 'bad_signature'],
      [{ image: good.image, manifest: 'no manifest' }, 'bad_signature'],
      [makeRelease({ key, version: '1.3.0', claims: { product: 'toaster' } }), 'wrong_product'],
      [makeRelease({ key, version: '1.3.0', claims: { expiresAt: Date.now() - 1 } }), 'expired'],
      [makeRelease({ key, version: '1.3.0', image: tooLarge }), 'too_large'],
      [{ ...good, image: tooLarge }, 'too_large'],
      [{ ...good, image: good.image.subarray(1) }, 'size_mismatch'],
      [{ ...good, image: Buffer.concat([good.image, Buffer.alloc(1)]) }, 'size_mismatch'],
      [{ ...good, image: flipped }, 'hash_mismatch'],
      [{ ...good, image: Buffer.alloc(0) }, 'invalid_request'],
    ];
    for (const [release, code] of cases) expect(await refusal(publish(release)), code).to.equal(code);
    expect(await names('*image*')).to.deep.equal([]);
    expect(await uploads()).to.deep.equal([]);
    expect(await desk.service.list()).to.deep.equal([]);
    expect((await auditOf(link)).map(({ kind }) => kind)).to.deep.equal(['release_key_added']);
  });

  it('holds what is sent, not what was read before, against the manifest', async () => {
    const { image, manifest } = makeRelease({ key, version: '1.3.0', image: randomBytes(BIG) });
    const flipped = Buffer.from(image);
    flipped[BIG - 1] = (flipped[BIG - 1] ?? 0) ^ 1;
    for (const [second, code] of [
      [flipped, 'hash_mismatch'],
      [image.subarray(0, BIG - 1), 'size_mismatch'],
      [Buffer.concat([image, image]), 'size_mismatch'],
    ] as const) {
      let reads = 0;
      const changing = {
        async *read() {
          await Promise.resolve();
          reads += 1;
          yield reads === 1 ? image : second;
        },
      };
      expect(await refusal(desk.service.publish({ image: changing, manifest }))).to.equal(code);
      expect(await uploads()).to.deep.equal([]);
    }
    expect(await desk.service.list()).to.deep.equal([]);
  });

  it('makes no release of an upload that ran out on its way', async () => {
    const { image, manifest, sha256 } = makeRelease({ key, version: '1.3.0', image: randomBytes(BIG) });
    let lost = false;
    const slow = desk.service.publish({
      manifest,
      image: {
        async *read() {
          yield image.subarray(0, 200_000);
          const [upload] = await uploads();
          if (upload !== undefined) lost = (await admin.run((client) => client.del(upload))) === 1;
          yield image.subarray(200_000);
        },
      },
    });
    expect(await refusal(slow)).to.equal('store_unavailable');
    expect(lost).to.equal(true);
    expect(await names(`*${sha256}*`)).to.deep.equal([]);
    expect(await desk.service.list()).to.deep.equal([]);
    expect(await uploads()).to.deep.equal([]);
    expect((await publish({ image, manifest })).outcome).to.equal('published');
  });

  it('is left with no half release by a publisher that is killed in the middle, only with an upload that runs out', async () => {
    const { image, manifest, sha256 } = makeRelease({ key, version: '1.3.0', image: randomBytes(BIG) });
    const dir = mkdtempSync(join(tmpdir(), 'openlock-publish-'));
    const path = join(dir, 'image.bin');
    writeFileSync(path, image);
    const child = fork(STUCK, [redis.url, manifest, path, '600000'], { execArgv: ['--import', 'tsx'] });
    try {
      const [message] = (await once(child, 'message')) as [unknown];
      expect(message).to.equal('stuck');
      await killProcess(child);
    } finally {
      await killProcess(child);
      rmSync(dir, { recursive: true });
    }
    const [upload, ...others] = await uploads();
    expect(others).to.deep.equal([]);
    expect(await admin.run((client) => client.strlen(upload ?? ''))).to.equal(9 * 65_536);
    expect(await admin.run((client) => client.pttl(upload ?? ''))).to.be.within(1, 60_000);
    expect(await desk.service.list()).to.deep.equal([]);
    expect(await names(`*${sha256}*`)).to.deep.equal([]);
    expect((await auditOf(link)).map(({ kind }) => kind)).to.deep.equal(['release_key_added']);

    expect((await publish({ image, manifest })).outcome).to.equal('published');
    expect((await desk.store.readImage(sha256, 0, BIG)).equals(image)).to.equal(true);
  });

  it('has one release and one audit entry when several publish the same image at once', async () => {
    const release = makeRelease({ key, version: '1.3.0', image: randomBytes(BIG) });
    const publishers = await Promise.all(
      Array.from({ length: 4 }, async () => releaseDesk(await redis.link()).service),
    );
    const outcomes = await Promise.all(
      publishers.map((service) => service.publish({ image: imageOf(release.image), manifest: release.manifest })),
    );
    expect(outcomes.map(({ outcome }) => outcome).sort()).to.deep.equal([
      'published',
      'unchanged',
      'unchanged',
      'unchanged',
    ]);
    expect((await auditOf(link)).filter(({ kind }) => kind === 'release_published')).to.have.length(1);
    expect(await uploads()).to.deep.equal([]);
    expect((await desk.store.readImage(release.sha256, 0, BIG)).equals(release.image)).to.equal(true);
  });

  it('lets one of two win that publish one image as different versions at once', async () => {
    const image = randomBytes(BIG);
    const [one, two] = [makeRelease({ key, version: '1.3.0', image }), makeRelease({ key, version: '1.4.0', image })];
    const results = await Promise.all([one, two].map((release) => refusal(publish(release))));
    expect(results.filter((result) => result === 'invalid_request')).to.have.length(1);
    const [release, ...others] = await desk.service.list();
    expect(others).to.deep.equal([]);
    expect([one.manifest, two.manifest]).to.include(release?.manifest);
  });

  it('is not published when it is withdrawn while the upload runs', async () => {
    const image = randomBytes(BIG);
    const release = makeRelease({ key, version: '1.3.0', image });
    let reads = 0;
    const racing = desk.service.publish({
      manifest: release.manifest,
      image: {
        async *read() {
          reads += 1;
          yield image.subarray(0, 100_000);
          if (reads === 2) {
            await publish(release);
            await desk.service.withdraw(release.sha256);
          }
          yield image.subarray(100_000);
        },
      },
    });
    expect(await refusal(racing)).to.equal('invalid_request');
    expect(await names('*image*')).to.deep.equal([]);
    expect(await uploads()).to.deep.equal([]);
  });

  it('is not published when its key is removed while the upload runs', async () => {
    const { image, manifest } = makeRelease({ key, version: '1.3.0', image: randomBytes(BIG) });
    let reads = 0;
    const racing = desk.service.publish({
      manifest,
      image: {
        async *read() {
          reads += 1;
          if (reads === 2) await desk.service.distrust(key.kid);
          yield image;
        },
      },
    });
    expect(await refusal(racing)).to.equal('unknown_key');
    expect(await desk.service.list()).to.deep.equal([]);
    expect(await uploads()).to.deep.equal([]);
  });

  it('says that the store is away, and is whole when it is back', async () => {
    const other = await startTestRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    try {
      const far = releaseDesk(await other.link());
      await far.service.trust(key.pem);
      const release = makeRelease({ key, version: '1.3.0', image: randomBytes(BIG) });
      let reads = 0;
      const cut = far.service.publish({
        manifest: release.manifest,
        image: {
          async *read() {
            reads += 1;
            yield release.image.subarray(0, 300_000);
            if (reads === 2) await other.kill();
            yield release.image.subarray(300_000);
          },
        },
      });
      expect(await refusal(cut)).to.equal('store_unavailable');
      await other.restart();
      const back = releaseDesk(await other.link());
      expect(await back.service.list()).to.deep.equal([]);
      expect(
        (await back.service.publish({ image: imageOf(release.image), manifest: release.manifest })).outcome,
      ).to.equal('published');
    } finally {
      await other.stop();
    }
  });
});
