import { expect } from 'chai';

import { makeCertificate } from '../../simulator/support/test-ca.js';
import { call } from '../../support/site.js';
import { HostDoor, needVirtualDoor, type StateDir } from './support/host-door.js';
import { NetworkCable } from './support/network-cable.js';
import { DOOR, Scene } from './support/scene.js';

/** A way to the relay under an address its certificate does not name. */
async function otherName(scene: Scene): Promise<{ readonly server: string }> {
  const cable = await NetworkCable.start('127.0.0.2');
  cable.upstream = scene.relay.port;
  scene.onEnd(() => cable.stop());
  return { server: `https://127.0.0.2:${cable.port}` };
}

describe('a virtual door that comes to its relay', function () {
  this.timeout(60_000);
  let scene: Scene;
  let state: StateDir;
  let token: string;
  let kid: string;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start();
    state = scene.newState();
    token = await scene.addDoor();
  });

  after(() => scene?.end());

  it('makes its key, enrols with its token and is welcomed, without a pulse on its pin', async () => {
    const door = await scene.liveDoor({ state, enrolmentToken: token });
    kid = door.kid;
    expect(kid).to.match(/^[A-Za-z0-9_-]{43}$/);
    expect(
      door.pin.every((active) => !active),
      'pin',
    ).to.equal(true);
    const { body } = await call(scene.relay, 'GET', `/v1/doors/${DOOR}/key`, { token: scene.site.accessToken });
    expect(body).to.include({ kid });
    expect(await door.stop()).to.equal(0);
    expect(door.lines.at(-1)).to.deep.include({ t: 'stopped' });
  });

  it('comes back after a reboot with the same key, and needs neither token nor password nor arguments again', async () => {
    const door = await HostDoor.live({ doorId: DOOR, state, password: undefined });
    expect(door.kid).to.equal(kid);
    expect(
      door.pin.every((active) => !active),
      'pin',
    ).to.equal(true);
    await door.stop();
  });

  it('is seen offline as soon as it was stopped in order', async () => {
    const { body } = await call(scene.relay, 'GET', `/v1/doors/${DOOR}`, { token: scene.site.accessToken });
    expect(body).to.include({ online: false });
  });

  it('is one process for each state directory', async () => {
    const door = await scene.liveDoor({ state });
    const second = await scene.startDoor({ state });
    expect(await second.exit()).to.equal(6);
    expect(second.complaints).to.contain('another process');
    await door.stop();
  });

  it('keeps what is stored unreadable, and no secret in what it prints', async () => {
    const door = await scene.liveDoor({ state });
    door.say('show');
    await door.line({ t: 'console', text: 'doorPassword = (set)' });
    const said = JSON.stringify(door.lines);
    expect(said).to.not.contain('correct horse').and.not.contain(token);
    await door.stop();
  });
});

describe('a virtual door that is given something wrong', function () {
  this.timeout(60_000);
  let scene: Scene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start();
  });

  after(() => scene?.end());

  const cases: readonly {
    readonly title: string;
    readonly code: number;
    readonly says: RegExp;
    readonly options: (scene: Scene) => Promise<object> | object;
  }[] = [
    {
      title: 'enrolment token',
      code: 5,
      says: /registration refused \(401/,
      options: async (on) => (
        await on.addDoor('wrong-token'),
        { doorId: 'wrong-token', enrolmentToken: 'A'.repeat(43) }
      ),
    },
    { title: 'authority', code: 4, says: /certificate/, options: () => ({ ca: makeCertificate().ca }) },
    { title: 'name of the server', code: 4, says: /certificate/, options: otherName },
    { title: 'port', code: 3, says: /cannot be reached/, options: () => ({ server: 'https://localhost:1' }) },
    { title: 'kind of address', code: 2, says: /serverAddress/, options: () => ({ server: 'http://localhost:8443' }) },
    { title: 'door id', code: 2, says: /doorId/, options: () => ({ doorId: '-x' }) },
    {
      title: 'release key, no public key in it',
      code: 2,
      says: /releaseKeys/,
      options: (on) => ({ more: ['--release-key', on.newState().file('no key')] }),
    },
    {
      title: 'release key, not there',
      code: 2,
      says: /release key/,
      options: () => ({ more: ['--release-key', '/nonexistent.pem'] }),
    },
    { title: 'password, too short', code: 2, says: /doorPassword/, options: () => ({ password: 'short' }) },
  ];
  for (const { title, code, says, options } of cases) {
    it(`ends with exit code ${code} and a clear line: ${title}`, async function () {
      const door = await scene.startDoor({
        state: scene.newState(),
        enrolmentToken: 'B'.repeat(43),
        ...(await options(scene)),
      });
      expect(await door.exit(), door.complaints).to.equal(code);
      expect(door.complaints.trim()).to.match(says).and.not.contain('\n');
    });
  }
});
