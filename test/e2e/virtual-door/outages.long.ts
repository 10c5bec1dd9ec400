import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import { needVirtualDoor, PASSWORD, type HostDoor } from './support/host-door.js';
import { comesBackAfter } from './support/outages.js';
import { cutPower } from './support/power-cuts.js';
import { revertsFromDeadServer } from './support/probations.js';
import { Scene } from './support/scene.js';
import { StandInScene } from './support/stand-in.js';

/** The same as in the test command, in the lengths and numbers of the field: `npm run test:long`. */
describe('a virtual door through long outages', function () {
  this.timeout(10 * 60_000);
  let scene: Scene;
  let count = 0;
  let door: HostDoor;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start();
  });

  after(() => scene?.end());

  beforeEach(async () => {
    count += 1;
    ({ door } = await scene.enrolledDoor({ doorId: `door-${count}` }));
  });

  afterEach(() => door?.kill());

  it('comes back after a cut of 30 s', () => comesBackAfter(scene, door, { cut: 'unplug', forMs: 30_000 }));

  it('comes back after 45 s in which nothing passed and nobody was told', () =>
    comesBackAfter(scene, door, { cut: 'silence', forMs: 45_000 }));

  it('takes a dead server address back after 3 minutes', () => revertsFromDeadServer(scene, door, 180_000));
});

describe('the lock-out of a virtual door', function () {
  this.timeout(5 * 60_000);
  let scene: StandInScene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await StandInScene.start();
  });

  after(() => scene?.end());

  it('ends after 60 s, and the next one lasts twice as long', async () => {
    const guessFiveTimes = async (): Promise<void> => {
      for (let guess = 1; guess <= 5; guess += 1)
        expect((await scene.send(scene.seal({ password: `guess number ${guess}` }))).code).to.equal('bad_credential');
    };
    const opens = async (): Promise<string> => (await scene.send(scene.seal({ password: PASSWORD }))).code;
    await guessFiveTimes();
    await delay(59_000);
    expect(await opens()).to.equal('locked_out');
    await delay(1_500);
    await guessFiveTimes();
    await delay(119_000);
    expect(await opens()).to.equal('locked_out');
    await delay(1_500);
    expect(await opens()).to.equal('ok');
  });
});

describe('a virtual door whose power is cut (SIGKILL) at 200 random moments', function () {
  this.timeout(30 * 60_000);
  let scene: Scene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start({ OPENLOCK_COMMAND_TIMEOUT_MS: '1000' });
  });

  after(() => scene?.end());

  it('starts every time, and no start unlocks it', async () => {
    const tally = await cutPower(scene, 200, 25);
    expect(tally.cuts).to.equal(200);
    expect(tally.early, 'cuts while it started').to.be.greaterThan(40);
    expect(tally.answered, 'commands answered in between').to.be.greaterThan(20);
    expect(tally.opened, 'times it was opened by command').to.be.greaterThan(20);
  });
});
