import { randomInt } from 'node:crypto';

import { expect } from 'chai';

import { needVirtualDoor } from '../virtual-door/support/host-door.js';
import { cutDownload, cutStep, newTally, STEPS } from './support/power-cuts.js';
import { UpdateScene } from './support/update-scene.js';

/** A sample; in full in power-cuts.long.ts. */
describe('an update whose power is cut (SIGKILL)', function () {
  this.timeout(120_000);
  let scene: UpdateScene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await UpdateScene.start();
  });

  after(() => scene?.end());

  it('at 12 offsets of the download: resumes every time, at most one block behind', async () => {
    const old = scene.release({ version: '1.0.0' });
    await scene.update(old);
    const release = scene.release({ version: '1.1.0', size: 600_000 });
    const offsets = Array.from({ length: 12 }, (_, index) => Math.min(index * 50_000 + randomInt(50_000), 595_000));
    const tally = newTally();
    await cutDownload(scene, release, old, offsets, tally);
    expect(tally.cuts).to.be.greaterThan(10);
  });

  it('at every later step: boots, and runs the old image or the new one, whole', async () => {
    const tally = newTally();
    let running = scene.release({ version: '2.0.0' });
    await scene.update(running);
    for (const [index, step] of Object.keys(STEPS).entries()) {
      const next = scene.release({ version: `2.${index + 1}.0` });
      running = await cutStep(scene, step, randomInt(4), next, running, tally);
    }
    expect(tally.cuts).to.equal(Object.keys(STEPS).length);
  });
});
