import { expect } from 'chai';

import { channels, firmwareKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';
import { makeRelease, makeReleaseKey } from '../support/releases.js';
import { auditOf, detail, imageOf, refusal, releaseDesk, type ReleaseDesk } from './support/releases.js';

describe('a release, once it is published', function () {
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

  const publish = ({ image, manifest }: { image: Buffer; manifest: string }) =>
    desk.service.publish({ image: imageOf(image), manifest });

  it('can be withdrawn: the record stays, the image goes, relays hear of it, and nothing brings it back', async () => {
    const release = makeRelease({ key, version: '1.3.0' });
    await publish(release);
    const heard = new Promise<string>(
      (resolve) =>
        void link
          .subscribe(channels.fleet, resolve)
          .then(async () => expect((await desk.service.withdraw(release.sha256)).changed).to.equal(true)),
    );
    expect(JSON.parse(await heard)).to.deep.equal({ t: 'rollouts_changed' });
    const record = await desk.service.find(release.sha256);
    expect(record.withdrawnAt).to.be.closeTo(Date.now(), 5000);
    expect(record.manifest).to.equal(release.manifest);
    expect(await desk.store.readImage(release.sha256, 0, 4096)).to.have.length(0);
    expect(await refusal(desk.service.offerable(record))).to.equal('invalid_request');
    expect(await detail(desk.service.offerable(record))).to.contain('was withdrawn on');
    const again = await desk.service.withdraw('1.3.0');
    expect(again.changed).to.equal(false);
    expect(again.release.withdrawnAt).to.equal(record.withdrawnAt);
    expect((await auditOf(link)).filter(({ kind }) => kind === 'release_withdrawn')).to.have.length(1);

    expect(await detail(publish(release)))
      .to.contain('was withdrawn')
      .and.contain('cannot be published again');
    const signedAgain = makeRelease({ key, version: '1.3.0', image: release.image, claims: { notes: 'please' } });
    expect(await refusal(publish(signedAgain))).to.equal('invalid_request');
    expect(await admin.run((client) => client.keys('*image*'))).to.deep.equal([]);
    expect(await refusal(desk.service.withdraw('9.9.9'))).to.equal('not_found');
  });

  it('may be offered while its signer is trusted and it has not expired', async () => {
    const { release: record } = await publish(makeRelease({ key, version: '1.3.0' }));
    expect(await desk.service.offerable(record)).to.deep.equal(record);

    await desk.service.distrust(key.kid);
    expect(await refusal(desk.service.offerable(record))).to.equal('unknown_key');
    await desk.service.trust(key.pem);
    expect(await refusal(desk.service.offerable(record))).to.deep.equal(record);

    desk.setTime(record.claims.expiresAt - 1000);
    expect(await refusal(desk.service.offerable(record))).to.deep.equal(record);
    desk.setTime(record.claims.expiresAt + 1);
    expect(await refusal(desk.service.offerable(record))).to.equal('expired');
    expect(await refusal(desk.service.offerable({ sha256: '0'.repeat(64) }))).to.equal('not_found');
  });

  it('may not be offered when somebody has laid hands on the store', async () => {
    const { release: record } = await publish(makeRelease({ key, version: '1.3.0' }));
    await admin.run((client) => client.append(firmwareKeys.image(record.sha256), 'x'));
    expect(await refusal(desk.service.offerable(record))).to.equal('not_found');
    const stranger = makeRelease({ key: { ...makeReleaseKey(), kid: key.kid }, version: '6.6.6' });
    const stored = JSON.stringify({ publishedAt: 1, identity: '', manifest: stranger.manifest });
    await admin.run((client) =>
      Promise.all([
        client.hset(firmwareKeys.releases, stranger.sha256, stored),
        client.set(firmwareKeys.image(stranger.sha256), stranger.image),
      ]),
    );
    expect(await refusal(desk.service.offerable(stranger))).to.equal('bad_signature');
  });

  it('is found by SHA-256, its beginning, or version, and where several are meant they are named', async () => {
    const dev = makeRelease({ key, version: '1.3.0', board: 'esp32dev' });
    const s3 = makeRelease({ key, version: '1.3.0', board: 'esp32-s3' });
    const rebuilt = makeRelease({ key, version: '1.3.0', board: 'esp32-s3' });
    for (const release of [dev, s3, rebuilt]) await publish(release);
    const sha = async (name: string, board?: string): Promise<string> => (await desk.service.find(name, board)).sha256;
    expect(await sha(s3.sha256)).to.equal(s3.sha256);
    expect(await sha(s3.sha256.toUpperCase())).to.equal(s3.sha256);
    expect(await sha(s3.sha256.slice(0, 12))).to.equal(s3.sha256);
    expect(await sha(s3.sha256, 'esp32-s3')).to.equal(s3.sha256);
    expect(await sha('1.3.0', 'esp32dev')).to.equal(dev.sha256);
    expect(await refusal(sha(s3.sha256, 'esp32dev'))).to.equal('wrong_board');
    expect(await refusal(sha('1.3.0'))).to.equal('invalid_request');
    const candidates = await detail(sha('1.3.0'));
    for (const release of [dev, s3, rebuilt]) expect(candidates).to.contain(release.sha256);
    expect(candidates).to.contain('--board');
    const boards = await detail(sha('1.3.0', 'esp32-s3'));
    expect(boards).to.contain(s3.sha256).and.contain(rebuilt.sha256).and.not.contain(dev.sha256);

    await desk.service.withdraw(rebuilt.sha256);
    expect(await sha('1.3.0', 'esp32-s3')).to.equal(s3.sha256);
    for (const name of ['1.3', '1.3.1', 's3', '', 'abcdef', '0'.repeat(64)])
      expect(await refusal(sha(name)), name).to.equal('not_found');
    expect((await desk.service.list()).map(({ sha256 }) => sha256)).to.have.members([
      dev.sha256,
      s3.sha256,
      rebuilt.sha256,
    ]);
  });

  it('trusts at most sixteen keys, each once, and no private one', async () => {
    expect((await desk.service.trust(key.pem)).changed).to.equal(false);
    for (let count = 2; count <= 16; count += 1)
      expect((await desk.service.trust(makeReleaseKey().pem)).changed).to.equal(true);
    const late = makeReleaseKey();
    expect(await refusal(desk.service.trust(late.pem))).to.equal('invalid_request');
    expect(await refusal(desk.service.trust(late.privatePem))).to.equal('invalid_request');
    const keys = await desk.service.trustedKeys();
    expect(keys).to.have.length(16);
    const ours = keys.find(({ kid }) => kid === key.kid);
    expect(ours?.pem).to.equal(key.pem);
    expect(ours?.addedAt).to.be.closeTo(Date.now(), 10_000);
    await desk.service.distrust(key.kid);
    expect(await refusal(desk.service.distrust(key.kid))).to.equal('key_not_found');
    expect((await desk.service.trust(late.pem)).changed).to.equal(true);
    const kinds = (await auditOf(link)).map(({ kind, code }) => `${String(kind)} ${String(code)}`);
    expect(kinds.slice(-2)).to.deep.equal([`release_key_removed ${key.kid}`, `release_key_added ${late.kid}`]);
    expect(kinds).to.have.length(18);
  });
});
