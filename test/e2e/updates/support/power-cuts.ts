/** SIGKILL at any moment of an update: what is left must boot, run a correct image, and go on where it was. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import type { TestRelease } from '../../../support/releases.js';
import type { HostDoor } from '../../virtual-door/support/host-door.js';
import type { Offer } from './careless-relay.js';
import type { UpdateScene } from './update-scene.js';

const BLOCK = 4096;

export interface Tally {
  cuts: number;
  /** Bytes that were served more than once, over all cuts. */
  twice: number;
  /** The most after one cut. */
  mostTwice: number;
  /** Updates that came through in spite of the cut, and trials that were lost by it. */
  confirmed: number;
  rolledBack: number;
  /** Ends of an update whose one report was cut off with the power. */
  unsaid: number;
}

export const newTally = (): Tally => ({ cuts: 0, twice: 0, mostTwice: 0, confirmed: 0, rolledBack: 0, unsaid: 0 });

/** The moments after the last byte, as door and relay see them. */
export const STEPS: Readonly<
  Record<string, (scene: UpdateScene, offer: Offer, door: HostDoor, since: number) => Promise<unknown>>
> = {
  'last block served': (_scene, offer) => servedAll(offer),
  verified: (scene, offer) => scene.relay.frame(offer, 'verified'),
  rebooting: (scene, offer) => scene.relay.frame(offer, 'rebooting'),
  'old image stopped': (_scene, _offer, door, since) => door.line({ t: 'stopped', why: 'restart' }, since),
  'new image chosen': (_scene, _offer, door, since) => door.line({ t: 'image', trial: true }, since),
  'new image started': (_scene, offer, door, since) => door.line({ t: 'door', version: offer.release.version }, since),
  ...Object.fromEntries(
    ['challenging', 'registering', 'connecting', 'greeting', 'live'].map((state) => [
      `new image ${state}`,
      inNewImage(state),
    ]),
  ),
  confirmed: (scene, offer) => scene.relay.frame(offer, 'confirmed'),
};

function inNewImage(state: string): (typeof STEPS)[string] {
  return async (_scene, offer, door, since) => {
    await door.line({ t: 'door', version: offer.release.version }, since);
    const started = door.lines.findLastIndex(({ t }) => t === 'door');
    await door.line({ t: 'session', state }, started);
  };
}

function servedAll(offer: Offer): Promise<void> {
  return new Promise((resolve) => {
    const onGet = offer.onGet;
    offer.onGet = (offset) => {
      if (offset + BLOCK >= offer.release.image.length) resolve();
      return onGet(offset);
    };
  });
}

/** Cuts the power at each of these offsets of one download, before or after the answer, and lets it end. */
export async function cutDownload(
  scene: UpdateScene,
  release: TestRelease,
  old: TestRelease,
  offsets: readonly number[],
  tally: Tally,
): Promise<void> {
  const offer = scene.relay.offer(release);
  for (const offset of offsets) {
    await cutAt(scene, offer, offset);
    const had = offer.servedEnd;
    const resumes = offer.accepted.length;
    await bootAgain(scene);
    if (scene.relay.proven.sha256 === release.sha256) break;
    expect(scene.relay.proven, `after a cut at ${offset}`).to.deep.equal({ version: old.version, sha256: old.sha256 });
    await scene.relay.frame(offer, 'accept', 20_000, resumes);
    count(
      tally,
      { had, resumedAt: offer.accepted.at(-1) ?? -1, size: release.image.length },
      `after a cut at ${offset}`,
    );
  }
  await scene.relay.frame(offer, 'confirmed');
  expect(offer.bytes - release.image.length).to.be.at.most(BLOCK * offsets.length);
  tally.twice += offer.bytes - release.image.length;
  tally.confirmed += 1;
  scene.relay.withdraw();
  scene.runs(release);
}

function count(tally: Tally, at: { had: number; resumedAt: number; size: number }, when: string): void {
  const { had, resumedAt, size } = at;
  // The last block ends with the image.
  expect(resumedAt === size ? 0 : resumedAt % BLOCK, `whole blocks, ${when}`).to.equal(0);
  expect(resumedAt, when).to.be.at.most(had);
  expect(had - resumedAt, `bytes to send twice, ${when}`).to.be.at.most(BLOCK);
  tally.cuts += 1;
  tally.mostTwice = Math.max(tally.mostTwice, had - resumedAt);
}

/** Resolves when the power is off; at the first `get` from `offset` on. */
async function cutAt(scene: UpdateScene, offer: Offer, offset: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let due = true;
    offer.onGet = (at) => {
      if (!due) return false;
      if (at < offset) return true;
      due = false;
      const isServed = randomInt(4) > 0;
      // What follows the bytes takes the door some milliseconds: the write, the read back, the note of it.
      void delay(isServed ? randomInt(6) : 0)
        .then(() => scene.door.kill())
        .then(resolve);
      return isServed;
    };
  });
  offer.onGet = () => true;
}

async function bootAgain(scene: UpdateScene): Promise<void> {
  scene.relay.ignoreArrivals();
  await scene.boot();
  expect(scene.door.complaints, 'the state directory must start').to.equal('');
  scene.neverOpened();
  await scene.relay.welcomed();
}

/** Updates to `release`, cuts the power `laterMs` after that step, and sees to it that the door ends on one of the two. Returns that one. */
export async function cutStep(
  scene: UpdateScene,
  step: string,
  laterMs: number,
  release: TestRelease,
  old: TestRelease,
  tally: Tally,
): Promise<TestRelease> {
  const when = `${laterMs} ms after "${step}"`;
  const since = scene.door.mark;
  const offer = scene.relay.offer(release);
  await STEPS[step]?.(scene, offer, scene.door, since);
  await delay(laterMs);
  await scene.door.kill();
  await bootAgain(scene);
  expect(scene.relay.proven.sha256, when).to.be.oneOf([old.sha256, release.sha256]);
  // What it has to say of its trial goes out once; where the cut took that with it, its refusal of the same offer tells.
  const ended = await Promise.race([
    scene.relay.frame(offer, 'confirmed'),
    scene.relay.frame(offer, 'rolled_back'),
    scene.relay.frame(offer, 'refuse'),
  ]);
  scene.relay.withdraw();
  tally.cuts += 1;
  expect(offer.bytes - release.image.length, `bytes sent twice, ${when}`).to.be.at.most(BLOCK);
  if (ended.phase === 'refuse') tally.unsaid += 1;
  const code = 'code' in ended ? ended.code : undefined;
  if (code === 'boot_failed' || code === 'failed_before') {
    expect(scene.slots.state?.trial, when).to.equal('aborted');
    expect(scene.relay.proven, when).to.deep.equal({ version: old.version, sha256: old.sha256 });
    tally.rolledBack += 1;
    return old;
  }
  expect(code, when).to.be.oneOf([undefined, 'downgrade']);
  tally.confirmed += 1;
  scene.runs(release);
  return release;
}
