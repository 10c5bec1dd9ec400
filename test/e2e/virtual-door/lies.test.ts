import { expect } from 'chai';

import { needVirtualDoor, type HostDoorOptions } from './support/host-door.js';
import { StandInScene } from './support/stand-in.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;

/** What a relay may say of the time, and of what it has done, moves no bolt twice and none late (protocol 6.6, 19.4). */
describe('a virtual door whose relay lies', function () {
  this.timeout(60_000);
  let scene: StandInScene;
  /** How far the relay's word is from the truth, milliseconds. */
  let lieMs = 0;

  before(async function () {
    await needVirtualDoor(this);
  });

  beforeEach(async () => {
    lieMs = 0;
    scene = await StandInScene.start(undefined, () => Date.now() + lieMs);
  });

  afterEach(() => scene?.end());

  async function reboot(over: Partial<HostDoorOptions> = {}): Promise<void> {
    await scene.door.kill();
    await scene.boot(over);
  }
  const sntp = (what: string): Partial<HostDoorOptions> => ({ more: ['--sntp', what] });
  /** How often the bolt was drawn since the door was started. */
  const opened = (): number => scene.door.pin.filter((open) => open).length;
  const aMinuteOn = (): number => Date.now() + lieMs + MINUTE;

  it('about the time by a minute: a command held for 119 s is stale, as is one of more than 62 s', async () => {
    lieMs = -MINUTE + 500;
    await reboot();
    await scene.clock('sure');
    for (const ageMs of [119_000, 63_000])
      expect((await scene.send(scene.seal({ iat: Date.now() - ageMs }), aMinuteOn())).code).to.equal('stale');
    expect(opened()).to.equal(0);
    // Two seconds are what a relay can win.
    expect((await scene.send(scene.seal({ iat: Date.now() - 60_500 }), aMinuteOn())).code).to.equal('ok');
  });

  it('about the time, to a door without SNTP: what it held back from before a boot stays shut', async () => {
    const held = scene.seal({ iat: Date.now() - 10 * MINUTE });
    lieMs = -10 * MINUTE;
    await reboot(sntp('none'));
    await scene.clock('unsure');
    await scene.link.event('clock_unsure');
    expect(await scene.send(held, aMinuteOn())).to.include({ status: 400, code: 'challenge_required' });
    expect(opened()).to.equal(0);
  });

  it('about the time by an hour, to a door with SNTP: nothing is taken without a challenge', async () => {
    for (const lie of [HOUR, -HOUR]) {
      lieMs = lie;
      await reboot();
      await scene.clock('unsure');
      for (const iat of [Date.now(), Date.now() + lie, Date.now() + lie / 60])
        expect((await scene.send(scene.seal({ iat }), aMinuteOn())).code).to.equal('challenge_required');
      expect(opened()).to.equal(0);
    }
  });

  it('not at all, but SNTP does: the door asks for a challenge, and opens with it, once', async () => {
    await reboot(sntp(`offset:${HOUR}`));
    await scene.clock('unsure');
    const refused = await scene.send(scene.seal());
    expect(refused).to.include({ status: 400, code: 'challenge_required', refusal: undefined });
    expect(refused.receipt).to.not.have.property('state');
    const challenge = await scene.challenge();
    expect(challenge).to.match(/^[\w-]{43}$/);
    const bound = scene.seal({ body: { challenge }, iat: Date.now() - 86_400_000 });
    expect(await scene.send(bound)).to.include({ status: 200, code: 'ok' });
    expect((await scene.send(bound)).code).to.equal('replayed');
    expect((await scene.send(scene.seal({ body: { challenge } }))).code).to.equal('challenge_required');
    expect(opened()).to.equal(1);
    await reboot(sntp(`offset:${HOUR}`));
    expect((await scene.send(bound)).code).to.equal('replayed');
    expect((await scene.send(scene.seal({ body: { challenge } }))).code).to.equal('challenge_required');
    expect(opened()).to.equal(0);
    await reboot();
    expect((await scene.send(scene.seal())).code).to.equal('ok');
  });

  it('about nothing: a door whose SNTP is late says so, and is sure when it has come', async () => {
    await reboot(sntp('none'));
    await scene.clock('unsure');
    expect((await scene.send(scene.seal())).code).to.equal('challenge_required');
    scene.door.say('sntp system');
    await scene.clock('sure');
    expect((await scene.send(scene.seal())).code).to.equal('ok');
  });

  it('that a command was not sent: a retry under the same jti runs once, over power cuts and a cleared mark', async () => {
    const first = scene.seal();
    expect((await scene.send(first)).code).to.equal('ok'); // and the relay says `expired`
    const retry = (): Promise<unknown> => scene.send(scene.seal({ jti: first.jti })).then(({ code }) => code);
    expect(await retry()).to.equal('replayed');
    const drawn = opened();
    await reboot();
    expect(await retry()).to.equal('replayed');
    scene.door.say('clear-mark');
    await scene.door.lineMatching('text', /^ok$/);
    expect(await retry()).to.equal('replayed');
    expect((await scene.send(first)).code).to.equal('replayed');
    await reboot(sntp('none'));
    expect(await retry()).to.equal('replayed');
    const challenge = await scene.challenge();
    expect((await scene.send(scene.seal({ jti: first.jti, body: { challenge } }))).code).to.equal('replayed');
    expect([drawn, opened()]).to.deep.equal([1, 0]);
  });

  it('that a restart was not sent: the door restarts once', async () => {
    const first = scene.seal({ act: 'restart', params: {} });
    const since = scene.door.mark;
    expect((await scene.send(first)).code).to.equal('ok');
    await scene.door.line({ t: 'stopped', why: 'restart' }, since);
    scene.link = await scene.relay.arrival();
    const again = scene.seal({ act: 'restart', params: {}, jti: first.jti });
    expect((await scene.send(again)).code).to.equal('replayed');
    expect(scene.door.lines.filter((line) => line.t === 'stopped')).to.have.length(1);
  });

  it('about the epoch: a jump of more than 2^20 is a protocol error, and the door keeps its own', async () => {
    const known = scene.relay.epoch;
    scene.relay.epoch += 2 ** 20;
    scene.link.socket.close(1001);
    const jumped = await scene.relay.arrival();
    expect(await jumped.closed).to.equal(4004);
    scene.relay.epoch = 0; // as of an operator who has reset the door
    const back = await scene.relay.arrival();
    expect(back.hello.epoch).to.equal(known);
    scene.link = back;
    expect((await scene.send(scene.seal())).code).to.equal('ok');
  });
});
