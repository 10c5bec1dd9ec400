import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { makeRawKey, type RawKey } from '../../support/raw-door.js';
import { startTestRelay, type TestRelay } from '../../support/relay.js';
import type { TestRelease } from '../../support/releases.js';
import { doorOf, RolloutLab } from './support/lab.js';
import { RawUpdateDoor } from './support/raw-update-door.js';
import type { Watched } from './support/watched.js';

const BOARD = 'raw';
const OLD = { version: '1.0.0', board: BOARD, securityVersion: 1 };
const SIZE = 20 * 4096 + 100;

/** Doors that say what they please: the relay closes or sets aside, stays healthy, and counts no success (protocol 12.4, 12.6). */
describe('hostile doors in a rollout', function () {
  this.timeout(60_000);
  let lab: RolloutLab;
  let relay: TestRelay;
  let key: RawKey;
  let bystander: Watched;
  let bystanderLost = 0;
  let made = 0;
  let minor = 0;
  const raw: RawUpdateDoor[] = [];

  before(async () => {
    key = makeRawKey();
    lab = await RolloutLab.open();
    relay = await startTestRelay(lab.redis.url, { OPENLOCK_UPDATE_RATE: '0' });
    await lab.trustKey();
  });
  beforeEach(async () => {
    bystander = await lab.addDoor(relay);
    bystanderLost = 0;
    bystander.door.on('offline', () => (bystanderLost += 1));
  });

  /** After every attack the relay serves other doors, and they never noticed. */
  afterEach(async () => {
    expect(bystanderLost).to.equal(0);
    minor += 1;
    const good = await lab.published(`7.${minor}.0`);
    const { rolloutId } = await lab.start(good, { doors: [bystander.doorId] });
    expect((await lab.ended(rolloutId, 'completed')).counts.confirmed).to.equal(1);
    for (const door of raw.splice(0)) door.close();
    await lab.stopDoors();
  });
  after(async () => {
    await relay?.stop();
    await lab?.close();
  });

  async function rawDoor(firmware: object = OLD): Promise<RawUpdateDoor> {
    made += 1;
    const doorId = `raw-${made}`;
    const { enrolmentToken } = await lab.admin.add(doorId, {});
    const door = await RawUpdateDoor.live(relay, doorId, key, firmware, enrolmentToken);
    raw.push(door);
    return door;
  }

  /** The same door again, with another proof if it is given one. */
  async function back(door: RawUpdateDoor, firmware: object = OLD): Promise<RawUpdateDoor> {
    door.close();
    const again = await RawUpdateDoor.live(relay, door.doorId, key, firmware);
    raw.push(again);
    return again;
  }

  async function offered(
    image: Buffer = randomBytes(SIZE),
    over: Parameters<RolloutLab['start']>[1] = {},
  ): Promise<{ door: RawUpdateDoor; release: TestRelease; rolloutId: string }> {
    const door = await rawDoor();
    minor += 1;
    const release = await lab.published(`2.${minor}.0`, { board: BOARD, image });
    const { rolloutId } = await lab.start(release, { doors: [door.doorId], maxFailures: { count: 100 }, ...over });
    await door.offer();
    return { door, release, rolloutId };
  }

  const stateOf = async (rolloutId: string, door: RawUpdateDoor): Promise<string> =>
    doorOf(await lab.operator.rollouts.status(rolloutId), door.doorId).state;
  const newFirmware = ({ version, sha256 }: TestRelease): object => ({ ...OLD, version, sha256 });

  it('serves exactly what a correct door asks for, and counts it when its proof says so', async () => {
    const { door, release, rolloutId } = await offered();
    const id = await door.accept();
    expect((await door.download(id, SIZE)).equals(release.image)).to.equal(true);
    door.say(id, 'verified');
    door.say(id, 'rebooting');
    await lab.until(rolloutId, ({ counts }) => counts.rebooting === 1);
    const again = await back(door, newFirmware(release));
    await lab.ended(rolloutId, 'completed');
    expect(again.offers).to.deep.equal([]);
    expect(await stateOf(rolloutId, again)).to.equal('confirmed');
  });

  const violations: readonly (readonly [string, (door: RawUpdateDoor, id: string) => void])[] = [
    ['asks before it accepted', (door, id) => door.say(id, 'get', { offset: 0, length: 4096 })],
    ['asks past the end', (door, id) => accepted(door, id, () => door.say(id, 'get', { offset: SIZE, length: 1 }))],
    [
      'asks at 4 GiB',
      (door, id) => accepted(door, id, () => door.say(id, 'get', { offset: 2 ** 32 - 1, length: 4096 })),
    ],
    [
      'asks at a negative offset',
      (door, id) => accepted(door, id, () => door.say(id, 'get', { offset: -1, length: 4096 })),
    ],
    ['asks at half a byte', (door, id) => accepted(door, id, () => door.say(id, 'get', { offset: 0.5, length: 4096 }))],
    ['asks for nothing', (door, id) => accepted(door, id, () => door.say(id, 'get', { offset: 0, length: 0 }))],
    ['asks for 4097 bytes', (door, id) => accepted(door, id, () => door.say(id, 'get', { offset: 0, length: 4097 }))],
    ['asks without an offset', (door, id) => accepted(door, id, () => door.say(id, 'get', { length: 4096 }))],
    [
      'asks for five blocks at once',
      (door, id) =>
        accepted(door, id, () =>
          [0, 1, 2, 3, 4].forEach((index) => door.say(id, 'get', { offset: index * 4096, length: 4096 })),
        ),
    ],
    ['accepts past the end', (door, id) => door.say(id, 'accept', { offset: SIZE + 1 })],
    ['accepts at a negative offset', (door, id) => door.say(id, 'accept', { offset: -4096 })],
    ['has verified what it never accepted', (door, id) => door.say(id, 'verified')],
    ['reboots into what it never accepted', (door, id) => door.say(id, 'rebooting')],
    [
      'asks after it has verified',
      (door, id) =>
        accepted(door, id, () => ['verified', 'get'].forEach((phase) => door.say(id, phase, { offset: 0, length: 1 }))),
    ],
    ['is at 101 percent', (door, id) => accepted(door, id, () => door.say(id, 'downloading', { percent: 101 }))],
    ['refuses with a sentence', (door, id) => door.say(id, 'refuse', { code: 'No, thank you!' })],
    ['has an id of 65 characters', (door) => door.say('x'.repeat(65), 'get', { offset: 0, length: 1 })],
    ['sends a binary frame', (door, id) => accepted(door, id, () => door.socket.send(Buffer.alloc(100)))],
  ];

  function accepted(door: RawUpdateDoor, id: string, then: () => void): void {
    door.say(id, 'accept', { offset: 0 });
    then();
  }

  for (const [name, act] of violations) {
    it(`ends the socket of a door that ${name}`, async () => {
      const { door, rolloutId } = await offered();
      act(door, await door.offer());
      expect(await door.closeCode()).to.equal(4004);
      expect(await stateOf(rolloutId, door)).to.not.equal('confirmed');
    });
  }

  const setAside: readonly (readonly [string, (door: RawUpdateDoor, id: string) => void])[] = [
    [
      'frames for an id it was never offered',
      (door) =>
        ['accept', 'get', 'verified', 'rebooting', 'confirmed', 'failed'].forEach((phase) =>
          door.say('another', phase, { offset: 0, length: 1 }),
        ),
    ],
    ['a phase of a newer door', (door, id) => door.say(id, 'defragmenting', { speed: 9 })],
    ['an accept for the second time', (door, id) => accepted(door, id, () => door.say(id, 'accept', { offset: 4096 }))],
    ['a percentage nobody asked for', (door, id) => door.say(id, 'downloading', { percent: 99 })],
    ['a confirmation without a proof', (door, id) => door.say(id, 'confirmed')],
  ];
  for (const [name, act] of setAside) {
    it(`sets aside ${name}`, async () => {
      const { door, rolloutId } = await offered();
      act(door, await door.offer());
      expect(await door.answers()).to.equal(true);
      expect(['offered', 'downloading']).to.include(await stateOf(rolloutId, door));
    });
  }

  it('ends a door that floods it with update frames', async () => {
    const { door, rolloutId } = await offered();
    const id = await door.accept();
    for (let frame = 0; frame < 10_000; frame += 1) door.say(id, 'downloading', { percent: 1 });
    expect(await door.closeCode()).to.be.oneOf([4004, 4005]);
    expect(await stateOf(rolloutId, door)).to.equal('downloading');
  });

  it('ends a door that floods it with gets', async () => {
    const { door } = await offered();
    const id = await door.accept();
    for (let frame = 0; frame < 10_000; frame += 1) door.say(id, 'get', { offset: 0, length: 4096 });
    expect(await door.closeCode()).to.be.oneOf([4004, 4005]);
    expect(door.blocks.length).to.be.below(100);
  });

  it('does not hold a stage open for ever for a door that asks for the same block again and again', async () => {
    const { door, rolloutId } = await offered(randomBytes(SIZE), { doorTimeoutMs: 2000 });
    const id = await door.accept();
    const begun = performance.now();
    let over = false;
    void door.socket.closed.then(() => (over = true));
    while (!over && performance.now() - begun < 15_000) {
      const seen = door.blocks.length;
      for (let get = 0; get < 4; get += 1) door.say(id, 'get', { offset: 0, length: 4096 });
      for (let wait = 0; wait < 200 && door.blocks.length < seen + 4 && !over; wait += 1) await sleep(5);
      over ||= !['offered', 'downloading'].includes(await stateOf(rolloutId, door));
    }
    expect(over, `after ${door.blocks.length} blocks of an image of 21`).to.equal(true);
    // What was outstanding when sockets break may be asked for twice; a multiple of the image may not.
    expect(door.blocks.length * 4096).to.be.below(20 * SIZE);
  });

  it('keeps its memory when a door asks and never reads', async () => {
    const { door } = await offered(randomBytes(1024 * 1024));
    const id = await door.accept();
    door.socket.ws.pause();
    const before = process.memoryUsage().external;
    for (let offset = 0; offset < 4 * 4096; offset += 4096) door.say(id, 'get', { offset, length: 4096 });
    await sleep(500);
    expect(process.memoryUsage().external - before).to.be.below(8 * 1024 * 1024);
    door.socket.ws.resume();
    expect(await door.answers()).to.equal(true);
  });

  describe('success is the proof, and nothing else (protocol 12.6)', () => {
    const proofs: readonly (readonly [string, (release: TestRelease) => object])[] = [
      ['the old version', () => OLD],
      ['the new version and no digest', ({ version }) => ({ ...OLD, version })],
      [
        'the new version and another digest',
        ({ version }) => ({ ...OLD, version, sha256: createHash('sha256').update('other').digest('hex') }),
      ],
      ['the old version and the new digest', ({ sha256 }) => ({ ...OLD, sha256 })],
    ];
    for (const [name, firmware] of proofs) {
      it(`a door that says rebooting and confirmed, and proves ${name}, is no success`, async () => {
        const { door, release, rolloutId } = await offered(randomBytes(SIZE), { doorTimeoutMs: 3000 });
        const id = await door.accept();
        await door.download(id, SIZE);
        for (const phase of ['verified', 'rebooting', 'confirmed']) door.say(id, phase);
        await lab.until(rolloutId, ({ counts }) => counts.rebooting === 1);
        const again = await back(door, firmware(release));
        again.say(id, 'confirmed');
        const view = await lab.until(rolloutId, ({ state }) => state !== 'running', 20_000);
        expect(view.counts.confirmed).to.equal(0);
        expect(doorOf(view, door.doorId).state).to.be.oneOf(['timed_out', 'rolled_back']);
        expect(again.offers).to.deep.equal([]);
      });
    }

    it('a door that only talks is no success either', async () => {
      const { door, rolloutId } = await offered(randomBytes(SIZE), { doorTimeoutMs: 1500 });
      const id = await door.accept();
      for (const phase of ['verified', 'rebooting', 'confirmed']) door.say(id, phase);
      expect(await door.answers()).to.equal(true);
      const view = await lab.until(rolloutId, ({ state }) => state !== 'running', 20_000);
      expect(doorOf(view, door.doorId).state).to.equal('timed_out');
    });

    it('the hello may say what it likes', async () => {
      const { door, release, rolloutId } = await offered();
      const again = await back(door);
      again.close();
      // A hello with the new version on a registration from the old image: the proof is what counts.
      const { register, openDoorSocket, hello } = await import('../../support/raw-door.js');
      const answer = await register(relay, door.doorId, key, { claims: { firmware: OLD } });
      const socket = await openDoorSocket(relay, door.doorId, answer.body['sessionToken'] as string);
      socket.send(hello({ firmware: { ...OLD, version: release.version } }));
      expect(await socket.next()).to.include({ t: 'welcome' });
      expect(await socket.next()).to.include({ t: 'update', phase: 'offer' });
      expect(await stateOf(rolloutId, door)).to.not.equal('confirmed');
      socket.ws.terminate();
    });
  });

  describe('offers', () => {
    it('come once a connection, the same one again after a reconnect', async () => {
      const { door } = await offered();
      await sleep(4500); // two looks of the relay at the store
      expect(door.offers).to.have.length(1);
      const id = door.offers[0]?.['id'];
      const again = await back(door);
      expect(await again.offer()).to.equal(id);
      await sleep(2500);
      expect(again.offers).to.have.length(1);
    });

    it('bring no byte of an older update after them', async () => {
      const older = Buffer.alloc(200 * 4096, 0xaa);
      const newer = Buffer.alloc(40 * 4096, 0xbb);
      const { door, rolloutId } = await offered(older);
      const first = await door.accept();
      let asked = 0;
      const askOlder = (): void => {
        // One at a time: five that are not answered yet would end the socket.
        if (door.offers.length > 1 || door.blocks.length < asked) return;
        const at = asked * 4096;
        if (at < older.length) door.say(first, 'get', { offset: at, length: 4096 });
        asked += 1;
      };
      const asking = setInterval(askOlder, 5);
      await sleep(50);
      await lab.operator.rollouts.cancel(rolloutId);
      minor += 1;
      const next = await lab.published(`2.${minor}.0`, { board: BOARD, image: newer });
      await lab.start(next, { doors: [door.doorId] });
      const second = await door.offer(1);
      clearInterval(asking);
      // Frames that crossed the offer: about an update that is over, set aside.
      if (door.socket.ws.readyState === door.socket.ws.OPEN) {
        door.say(first, 'get', { offset: 0, length: 4096 });
        door.say(second, 'accept', { offset: 0 });
        expect((await door.download(second, newer.length)).equals(newer)).to.equal(true);
      }
      expect(door.blocksAfterOffer(second).every(({ bytes }) => bytes.every((byte) => byte === 0xbb))).to.equal(true);
    });
  });
});
