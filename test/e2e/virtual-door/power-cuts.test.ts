import { expect } from 'chai';

import { needVirtualDoor } from './support/host-door.js';
import { cutPower } from './support/power-cuts.js';
import { Scene } from './support/scene.js';

describe('a virtual door whose power is cut (SIGKILL) at any moment', function () {
  let scene: Scene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start({ OPENLOCK_COMMAND_TIMEOUT_MS: '1000' });
  });

  after(() => scene?.end());

  it('starts again 20 times out of 20, and no start unlocks it', async function () {
    this.timeout(180_000);
    const { cuts } = await cutPower(scene, 20, 10);
    expect(cuts).to.equal(20);
  });
});
