import { randomInt } from 'node:crypto';

import { expect } from 'chai';

import { needVirtualDoor } from '../virtual-door/support/host-door.js';
import { cutDownload, cutStep, newTally, STEPS } from './support/power-cuts.js';
import { UpdateScene } from './support/update-scene.js';

/** In the numbers of the field: `npm run test:long`. */
describe('an update whose power is cut (SIGKILL) 400 times', function () {
  this.timeout(40 * 60_000);
  let scene: UpdateScene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await UpdateScene.start();
  });

  after(() => scene?.end());

  it('at 200 offsets of a download of 1.5 MiB: resumes every time, at most one block behind', async () => {
    const size = 1_572_864;
    const old = scene.release({ version: '1.0.0' });
    await scene.update(old);
    const step = size / 201;
    const offsets = Array.from({ length: 200 }, (_, index) => Math.floor(index * step) + randomInt(Math.floor(step)));
    const tally = newTally();
    await cutDownload(scene, scene.release({ version: '1.1.0', size }), old, offsets, tally);
    process.stdout.write(`      ${JSON.stringify(tally)}\n`);
    expect(tally.cuts).to.equal(200);
  });

  it('at 200 moments of every later step: boots every time, and runs the old image or the new one, whole', async () => {
    const tally = newTally();
    const steps = Object.keys(STEPS);
    let running = scene.release({ version: '2.0.0' });
    await scene.update(running);
    for (let cut = 0; cut < 200; cut += 1) {
      const next = scene.release({ version: `2.0.${cut + 1}` });
      running = await cutStep(scene, steps[cut % steps.length] ?? '', randomInt(16), next, running, tally);
    }
    process.stdout.write(`      ${JSON.stringify(tally)}\n`);
    expect(tally.cuts).to.equal(200);
    expect(tally.confirmed, 'updates that came through').to.be.greaterThan(20);
    expect(tally.rolledBack, 'trials lost to a cut').to.be.greaterThan(20);
  });
});
