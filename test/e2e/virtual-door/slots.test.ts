import { randomInt } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import {
  asRelease,
  builtImage,
  describeImage,
  faultyImage,
  scriptImage,
  sha256Of,
} from '../../support/virtual-images.js';
import { Slots, type SlotState } from '../../support/virtual-images-slots.js';
import { HostDoor, needVirtualDoor } from './support/host-door.js';
import { STAND_IN_DOOR, StandInScene } from './support/stand-in.js';

/** What a board's boot loader, reset and watchdog do (protocol 12.5), here on two files beside the door's state. */
describe('the image slots of a virtual door', function () {
  this.timeout(60_000);
  const trialMs = 500;
  let built: Buffer;
  let scene: StandInScene;
  let slots: Slots;

  before(async function () {
    await needVirtualDoor(this);
    built = await builtImage();
    scene = await StandInScene.start();
    slots = new Slots(scene.state.path);
  });

  after(() => scene?.end());

  // The same door for all of them, off, its slots as new.
  beforeEach(async () => {
    await scene.door.kill();
    slots.clear();
  });

  const release = (version: string): Buffer => asRelease(built, { version, size: 600_000 });
  const fresh = (active: 'a' | 'b', previous: SlotState['previous'] = 'factory'): SlotState => ({
    active,
    previous,
    trial: 'new',
  });

  async function bootWith(state: SlotState, images: Partial<Record<'a' | 'b', Buffer>>): Promise<void> {
    slots.put(state, images);
    await scene.boot({ more: ['--update-trial-ms', String(trialMs)] });
  }

  /** Boots an image that is no door. */
  async function startWith(state: SlotState, images: Partial<Record<'a' | 'b', Buffer>>): Promise<HostDoor> {
    slots.put(state, images);
    scene.door = await HostDoor.start({ doorId: STAND_IN_DOOR, state: scene.state });
    return scene.door;
  }

  // What the door proves of itself (protocol 4.4).
  const runningVersion = (): unknown => scene.relay.registrations.at(-1)?.firmware['version'];
  const runningDigest = (): unknown => scene.relay.registrations.at(-1)?.firmware['sha256'];

  it('run the program itself as long as there is nothing in them', async () => {
    await scene.boot();
    expect(runningVersion()).to.equal(describeImage(built).version);
    expect(runningDigest()).to.equal(sha256Of(built));
    expect(scene.door.lines.some(({ t }) => t === 'image')).to.equal(false);
  });

  it('run the image that is valid: its own version and digest are in the proof', async () => {
    const image = release('0.2.0');
    await bootWith({ active: 'a', previous: 'factory', trial: 'valid' }, { a: image });
    expect(await scene.door.line({ t: 'image' })).to.deep.include({ slot: 'a', trial: false });
    expect([runningVersion(), runningDigest()]).to.deep.equal(['0.2.0', sha256Of(image)]);
    expect(
      scene.door.pin.every((active) => !active),
      'pin',
    ).to.equal(true);
  });

  it('start it anew as a process of its own after a restart by command', async () => {
    await bootWith({ active: 'b', previous: 'a', trial: 'valid' }, { a: release('0.2.0'), b: release('0.3.0') });
    const { pid } = await scene.door.line({ t: 'door' });
    const since = scene.door.mark;
    await scene.send(scene.seal({ act: 'restart', scope: 'configure', params: {} }));
    await scene.door.line({ t: 'stopped', why: 'restart' }, since);
    const again = await scene.door.line({ t: 'door', version: '0.3.0' }, since);
    expect(again['pid']).to.not.equal(pid);
    await Promise.all([scene.door.live(since), scene.relay.arrival()]);
  });

  const losers: readonly {
    readonly title: string;
    readonly why: RegExp;
    readonly make: () => Promise<Buffer> | Buffer;
  }[] = [
    { title: 'crashes at boot', why: /^signal 11$/, make: () => faultyImage('crashes') },
    { title: 'kills itself', why: /^signal 9$/, make: () => scriptImage('kill -9 $$') },
    { title: 'ends in order', why: /^ended unconfirmed, exit code 0$/, make: () => scriptImage('exit 0') },
    { title: 'asks for a restart', why: /^ended unconfirmed, exit code 10$/, make: () => scriptImage('exit 10') },
    {
      title: 'is no program',
      why: /^ended unconfirmed, exit code 1$/,
      make: () => Buffer.from('MZ, not for this machine'),
    },
    {
      title: 'is a program cut off in the middle',
      why: /^(signal|ended)/,
      make: () => built.subarray(0, built.length >> 1),
    },
    { title: 'hangs and ignores signals', why: /^hangs$/, make: () => faultyImage('hangs') },
    { title: 'is another program, which runs', why: /^hangs$/, make: () => scriptImage('exec sleep 1000') },
  ];
  for (const { title, why, make } of losers) {
    it(`take back an image on trial that ${title}`, async () => {
      await bootWith(fresh('b', 'a'), { a: release('0.2.0'), b: await make() });
      await scene.door.line({ t: 'image', slot: 'b', trial: true });
      const back = await scene.door.line({ t: 'image', slot: 'a', trial: false });
      expect(back['why']).to.match(why);
      expect(runningVersion()).to.equal('0.2.0');
      expect(slots.state).to.deep.equal({ active: 'a', previous: 'a', trial: 'aborted' });
    });
  }

  it('take back an image on trial when the power is cut before it has confirmed itself', async () => {
    const door = await startWith(fresh('a'), { a: scriptImage('exec sleep 1000') });
    await door.line({ t: 'image', slot: 'a', trial: true });
    expect(slots.state?.trial, 'noted before the image starts').to.equal('pending');
    await door.kill();
    await scene.boot();
    expect((await scene.door.line({ t: 'image' }))['why']).to.match(/power/);
    expect(runningVersion()).to.equal(describeImage(built).version);
    expect(slots.state).to.deep.equal({ active: 'factory', previous: 'factory', trial: 'aborted' });
  });

  it('never run an image that is not what it was when it was made active', async () => {
    const damaged = release('0.3.0');
    await bootWith({ active: 'b', previous: 'a', trial: 'valid' }, { a: release('0.2.0'), b: damaged });
    await scene.door.kill();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    writeFileSync(slots.path('b'), damaged);
    await scene.boot();
    expect(runningVersion()).to.equal('0.2.0');
    await scene.door.kill();
    writeFileSync(slots.path('a'), 'lost as well');
    await scene.boot();
    expect(runningVersion()).to.equal(describeImage(built).version);
  });

  it('run the program itself when what they hold is unknown', async () => {
    slots.put({ active: 'a', previous: 'factory', trial: 'valid' }, { a: release('0.2.0') });
    writeFileSync(slots.path('state'), 'openlock-slots 1\nactive a\nprev');
    await scene.boot();
    expect(runningVersion()).to.equal(describeImage(built).version);
  });

  it('end with the image outside a trial: its exit code, its signal', async () => {
    const valid = { active: 'a', previous: 'factory', trial: 'valid' } as const;
    expect(await (await startWith(valid, { a: scriptImage('exit 5') })).exit()).to.equal(5);
    expect(await (await startWith(valid, { a: scriptImage('kill -9 $$') })).exit(), 'by a signal').to.equal(-2);
    expect(slots.state?.trial).to.equal('valid');
  });

  it('pass SIGTERM on to the image and end in order', async () => {
    await bootWith({ active: 'a', previous: 'factory', trial: 'valid' }, { a: release('0.2.0') });
    expect(await scene.door.stop()).to.equal(0);
    expect(scene.door.lines.at(-1)).to.deep.equal({ t: 'stopped', why: 'asked to' });
  });

  it('end on a SIGTERM with an image that hangs, too', async () => {
    const door = await startWith(fresh('a'), { a: await faultyImage('hangs') });
    await door.line({ t: 'image', slot: 'a', trial: true });
    expect(await door.stop(), 'by a signal').to.equal(-2);
  });

  it('end in order on a SIGTERM that comes in the middle of a restart, too', async () => {
    await scene.boot();
    const since = scene.door.mark;
    await scene.send(scene.seal({ act: 'restart', scope: 'configure', params: {} }));
    await scene.door.line({ t: 'stopped', why: 'restart' }, since);
    expect(await scene.door.stop()).to.equal(0);
  });

  it('lose the image with its supervisor at once, and the next start has the state to itself', async () => {
    await bootWith({ active: 'a', previous: 'factory', trial: 'valid' }, { a: release('0.2.0') });
    const { pid } = await scene.door.line({ t: 'door' });
    process.kill(scene.door.pid, 'SIGKILL');
    // Not even waiting for the image to be gone.
    const before = scene.door;
    await scene.boot();
    expect(runningVersion()).to.equal('0.2.0');
    expect(scene.door.complaints).to.equal('');
    await before.exit();
    expect(
      existsSync(`/proc/${String(pid)}`) && readFileSync(`/proc/${String(pid)}/stat`, 'utf8').includes(' S '),
    ).to.equal(false);
  });

  it('have a whole state after a power cut at any moment of a boot that writes it', async () => {
    for (let cut = 0; cut < 25; cut += 1) {
      const unlucky = await startWith(fresh('b', 'a'), { a: release('0.2.0'), b: scriptImage('kill -9 $$') });
      await delay(randomInt(0, 15));
      await unlucky.kill();
      expect(slots.state?.trial).to.be.oneOf(['new', 'pending', 'aborted']);
      scene.door = await HostDoor.start({ doorId: STAND_IN_DOOR, state: scene.state });
      await scene.door.line({ t: 'door', version: '0.2.0' });
      await scene.door.kill();
      expect(slots.state).to.deep.equal({ active: 'a', previous: 'a', trial: 'aborted' });
    }
  });
});
