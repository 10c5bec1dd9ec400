import { expect } from 'chai';

import { DoorRefusedError, type Door, type OpenLock } from '../../../src/client/index.js';
import { OpenLockError } from '../../../src/protocol/problem.js';
import { seal } from '../../simulator/support/seal.js';
import { call, loginTestSite } from '../../support/site.js';
import { needVirtualDoor, PASSWORD, type HostDoor, type StateDir } from './support/host-door.js';
import { Scene } from './support/scene.js';
import { Witness } from './support/witness.js';

async function failureOf(work: Promise<unknown>): Promise<OpenLockError> {
  return work.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => {
      if (!(error instanceof OpenLockError)) throw error;
      return error;
    },
  );
}

describe('a virtual door in everyday use', function () {
  this.timeout(60_000);
  let scene: Scene;
  let sdk: OpenLock;
  let count = 0;
  /** A door of each test's own. */
  let doorId: string;
  let state: StateDir;
  let door: HostDoor;
  let pinned: Door;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start();
    sdk = scene.sdk();
  });

  after(() => scene?.end());

  beforeEach(async () => {
    count += 1;
    doorId = `door-${count}`;
    ({ door, state } = await scene.enrolledDoor({ doorId }));
    pinned = sdk.door(doorId, { kid: door.kid });
  });

  afterEach(() => door?.kill());

  it('unlocks, says so in a receipt only the sender reads, and relocks by itself', async () => {
    const witness = await Witness.of(sdk, doorId);
    const { receipt, state: after } = await pinned.unlock({ password: PASSWORD, holdMs: 1000 });
    expect(receipt).to.include({ code: 'ok', status: 200, door: doorId });
    expect(after).to.include({ lock: 'unlocked', mode: 'normal' });
    await door.line({ t: 'command', act: 'unlock', code: 'ok' });
    await door.line({ t: 'led', pattern: 'unlocked' });
    expect(await witness.event('locked')).to.deep.include({ data: { cause: 'relock' } });
    expect(door.pin).to.deep.equal([false, true, false]);
    expect(door.reportedLock).to.equal('locked');
  });

  it('locks and tells its state, by command and to the relay', async () => {
    await pinned.unlock({ password: PASSWORD, holdMs: 0 });
    expect((await pinned.status({ password: PASSWORD })).state).to.include({ lock: 'unlocked', contact: 'closed' });
    expect((await pinned.lock({ password: PASSWORD })).state).to.include({ lock: 'locked' });
    expect(await pinned.liveStatus()).to.deep.include({ online: true, live: true });
    expect((await pinned.liveStatus()).state).to.include({ lock: 'locked', mode: 'normal' });
  });

  it('takes over new settings at once: the time of the relock, the password', async () => {
    const witness = await Witness.of(sdk, doorId);
    await pinned.configure({ password: PASSWORD, params: { autoRelockMs: 800, doorPassword: 'another password' } });
    expect(await witness.event('configured')).to.deep.include({ data: { outcome: 'kept' } });
    expect(await failureOf(pinned.unlock({ password: PASSWORD }))).to.have.property('receiptCode', 'bad_credential');
    await pinned.unlock({ password: 'another password' });
    await witness.event('locked');
    await door.kill();
    door = await scene.liveDoor({ state, doorId });
    await pinned.unlock({ password: 'another password' });
  });

  it('refuses what its settings cannot be, and keeps them', async () => {
    for (const params of [
      { doorPassword: 'short' },
      { autoRelockMs: 3_600_001 },
      { failSafe: 'open' },
      { nonsense: 1 },
      {},
    ]) {
      // The SDK would not send it; the door must not rely on that.
      const { code, answer } = await rawCommand(params);
      expect([code, answer], JSON.stringify(params)).to.deep.equal([422, 'invalid_params']);
    }
    await pinned.unlock({ password: PASSWORD });
  });

  it('refuses a wrong password; a site that goes on guessing locks out itself, not the others', async () => {
    const witness = await Witness.of(sdk, doorId);
    for (let guess = 0; guess < 3; guess += 1) {
      const refusal = await failureOf(pinned.unlock({ password: `guess number ${guess}` }));
      expect(refusal).to.be.instanceOf(DoorRefusedError).and.have.property('receiptCode', 'bad_credential');
    }
    await witness.event('wrong_password');
    expect((await failureOf(pinned.unlock({ password: PASSWORD }))).code).to.equal('rate_limited');
    const other = await loginTestSite(scene.relay, 'neighbour@example.test');
    scene.onEnd(() => other.stop());
    await scene.admin.grant(doorId, other.siteId, { role: 'user' });
    await scene.sdk(other).door(doorId, { kid: door.kid }).unlock({ password: PASSWORD, holdMs: 0 });
    expect(door.pin).to.deep.equal([false, true]);
  });

  it('restarts on command: locked, and the same door as before', async () => {
    await pinned.unlock({ password: PASSWORD, holdMs: 0 });
    const since = door.mark;
    await pinned.restart({ password: PASSWORD });
    await door.line({ t: 'stopped', why: 'restart' }, since);
    await door.live(since);
    expect(door.pin).to.deep.equal([false, true, false]);
    await pinned.unlock({ password: PASSWORD });
  });

  it('rotates its key: the receipt names the new one, the relay serves it, and the old pin is refused', async () => {
    const oldKid = door.kid;
    const { newKid } = await pinned.rotateKey({ password: PASSWORD });
    await door.line({ t: 'key', kid: newKid });
    await door.live(door.lines.findIndex((line) => line['kid'] === newKid));
    expect((await failureOf(scene.sdk().door(doorId, { kid: oldKid }).unlock({ password: PASSWORD }))).code).to.equal(
      'wrong_key',
    );
    await scene.sdk().door(doorId, { kid: newKid }).unlock({ password: PASSWORD });
    await door.kill();
    door = await scene.liveDoor({ state, doorId });
    expect(door.kid).to.equal(newKid);
    await scene.sdk().door(doorId, { kid: newKid }).unlock({ password: PASSWORD });
  });

  it('names the words of its console, those of the virtual door too', async () => {
    const { mark } = door;
    door.say('help');
    await door.lineMatching('text', /show \| kid \|/, mark);
    await door.lineMatching('text', /contact open.* tamper on.* network down.* sntp .* quit/, mark);
  });

  it('tells of a leaf forced open and of tampering, and throws no bolt into an open door', async () => {
    const witness = await Witness.of(sdk, doorId);
    door.say('contact open');
    await witness.event('forced_open');
    door.say('contact closed');
    await door.line({ t: 'lock', contact: 'closed', reported: 'locked' }, door.mark - 1);
    await pinned.unlock({ password: PASSWORD, holdMs: 700 });
    door.say('contact open');
    await door.line({ t: 'lock', requested: 'locked', reported: 'unlocked', contact: 'open' });
    expect(door.pin.at(-1)).to.equal(true);
    door.say('contact closed');
    await witness.event('locked');
    door.say('tamper on');
    await witness.event('tamper');
  });

  async function rawCommand(
    params: Record<string, unknown>,
  ): Promise<{ readonly code: number; readonly answer: string }> {
    const token = scene.site.accessToken;
    const key = await call(scene.relay, 'GET', `/v1/doors/${doorId}/key`, { token });
    const sealed = seal({
      publicPem: String(key.body['publicKey']),
      kid: door.kid,
      door: doorId,
      password: PASSWORD,
      act: 'configure',
      params,
    });
    const { status, body } = await call(scene.relay, 'POST', `/v1/doors/${doorId}/commands`, {
      token,
      body: { jwe: sealed.jwe },
    });
    return { code: status, answer: sealed.open(body['receipt'] as string | undefined).code };
  }
});
