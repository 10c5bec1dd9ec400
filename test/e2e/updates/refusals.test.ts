import { randomInt } from 'node:crypto';

import { expect } from 'chai';

import { makeReleaseKey, type TestRelease } from '../../support/releases.js';
import { asRelease, releaseOf, sha256Of } from '../../support/virtual-images.js';
import { needVirtualDoor } from '../virtual-door/support/host-door.js';
import { UpdateScene } from './support/update-scene.js';

const RUNNING = '1.2.0';
const SECURITY_VERSION = 3;

/** Protocol 12.5, 12.7. The relay checks nothing, so that every refusal is the door's own. */
describe('a virtual door whose relay offers it anything', function () {
  this.timeout(60_000);
  let scene: UpdateScene;
  let running: TestRelease;

  before(async function () {
    await needVirtualDoor(this);
    scene = await UpdateScene.start(['--slot-bytes', '1000000']);
    running = scene.release({ version: RUNNING, securityVersion: SECURITY_VERSION });
    await scene.update(running);
  });

  after(() => scene?.end());

  // Whatever was offered: the same image runs, in the same slot, and nothing was let in.
  afterEach(() => {
    scene.relay.withdraw();
    scene.runs(running);
    expect(scene.slots.state).to.deep.equal({ active: 'a', previous: 'factory', trial: 'valid' });
    expect(
      scene.door.lines.filter(({ t }) => t === 'door'),
      'starts',
    ).to.have.length(2);
    scene.neverOpened();
  });

  const good = { version: '1.3.0', securityVersion: SECURITY_VERSION };
  const image = (traits: object = {}): Buffer => asRelease(scene.built, { ...good, ...traits });
  const part = (release: TestRelease, index: number, change: (bytes: Buffer) => Buffer): TestRelease => ({
    ...release,
    manifest: release.manifest
      .split('.')
      .map((text, at) => (at === index ? change(Buffer.from(text, 'base64url')).toString('base64url') : text))
      .join('.'),
  });
  const flipped = (bytes: Buffer): Buffer => {
    const at = randomInt(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };

  const refused: Readonly<Record<string, readonly [code: string, make: () => TestRelease]>> = {
    'is not signed': [
      'bad_signature',
      () => ({ ...scene.sign(image()), manifest: scene.sign(image()).manifest.replace(/[^.]*$/, '') }),
    ],
    'says that it needs no signature': ['bad_signature', () => scene.sign(image(), { header: { alg: 'none' } })],
    'has a flipped bit in its signature': ['bad_signature', () => part(scene.sign(image()), 2, flipped)],
    'was changed after it was signed': [
      'bad_signature',
      () => part(scene.sign(image()), 1, (claims) => Buffer.from(claims.toString().replace('1.3.0', '1.9.0'))),
    ],
    'has another type': ['bad_signature', () => scene.sign(image(), { header: { typ: 'openlock-proof+jws' } })],
    'is signed by a key the door does not know': ['unknown_key', () => releaseOf(makeReleaseKey(), image())],
    'is signed by a stranger under the name of a known key': [
      'bad_signature',
      () => releaseOf(makeReleaseKey(), image(), { header: { kid: scene.key.kid } }),
    ],
    'is another product’s': ['wrong_product', () => scene.sign(image(), { claims: { product: 'toaster' } })],
    'is for another board': ['wrong_board', () => scene.sign(image({ board: 'esp32dev' }))],
    'has expired': ['expired', () => scene.sign(image(), { claims: { expiresAt: Date.now() - 120_000 } })],
    'never expires': ['bad_signature', () => scene.sign(image(), { claims: { expiresAt: undefined } })],
    'is older': ['downgrade', () => scene.sign(image({ version: '1.1.9' }))],
    'is what runs': ['downgrade', () => running],
    'is a pre-release of what runs': ['downgrade', () => scene.sign(image({ version: `${RUNNING}-rc.1` }))],
    'is below the security version': [
      'security_version',
      () => scene.sign(image({ securityVersion: SECURITY_VERSION - 1 })),
    ],
    'is larger than an image may be': ['too_large', () => scene.sign(image(), { claims: { size: 4_194_305 } })],
    'is larger than its slot': ['no_space', () => scene.sign(image({ size: 1_000_001 }))],
  };
  for (const [title, [code, make]] of Object.entries(refused)) {
    it(`refuses a release that ${title}, before its first byte: ${code}`, async () => {
      const offer = scene.relay.offer(make());
      expect(await scene.relay.frame(offer, 'refuse')).to.include({ code });
      expect(offer.bytes).to.equal(0);
    });
  }

  const broken: Readonly<Record<string, readonly [code: string, serve: (image: Buffer) => Buffer]>> = {
    'one flipped bit': ['hash_mismatch', flipped],
    'its last byte missing': ['size_mismatch', (bytes) => bytes.subarray(0, -1)],
    'half of it missing': ['size_mismatch', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    'two blocks swapped': [
      'hash_mismatch',
      (bytes) => Buffer.concat([bytes.subarray(4096, 8192), bytes.subarray(0, 4096), bytes.subarray(8192)]),
    ],
  };
  for (const [title, [code, serve]] of Object.entries(broken)) {
    it(`throws away an image with ${title}: ${code}`, async () => {
      const release = scene.sign(image());
      const offer = scene.relay.offer({ ...release, image: serve(Buffer.from(release.image)) });
      expect(await scene.relay.frame(offer, 'failed')).to.include({ code });
      expect(offer.frames.some(({ phase }) => phase === 'verified' || phase === 'rebooting')).to.equal(false);
    });
  }

  it('finds a bit that flipped on its disk when it reads the slot back', async () => {
    const release = scene.sign(image({ size: 600_000 }));
    const offer = scene.relay.offer(release);
    offer.onGet = (offset) => {
      // Behind the door's back, when all but the last block is there.
      if (offset === 4096 * 146) scene.damage('b', 100_000);
      return true;
    };
    expect(await scene.relay.frame(offer, 'failed')).to.include({ code: 'hash_mismatch' });
    expect(sha256Of(scene.slots.image('b'))).to.not.equal(release.sha256);
  });
});
