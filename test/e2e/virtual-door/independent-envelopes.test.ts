import { expect } from 'chai';

import type { DoorKey } from '../../../src/protocol/api.js';
import { call } from '../../support/site.js';
import { needVirtualDoor, PASSWORD, type HostDoor } from './support/host-door.js';
import { hasJwcrypto, MAKERS, READERS, type Maker, type Made } from './support/makers.js';
import { DOOR, Scene } from './support/scene.js';

/** The protocol is enough: whoever follows it, in whatever language, opens the door and reads its receipt. */
describe('envelopes by the SDK, by node:crypto alone and by Python’s jwcrypto', function () {
  this.timeout(60_000);
  let scene: Scene;
  let door: HostDoor;
  let key: DoorKey;

  before(async function () {
    await needVirtualDoor(this);
    scene = await Scene.start();
    ({ door } = await scene.enrolledDoor());
    key = (await call(scene.relay, 'GET', `/v1/doors/${DOOR}/key`, { token: scene.site.accessToken }))
      .body as unknown as DoorKey;
  });

  after(() => scene?.end());

  async function send(made: Made): Promise<{ readonly status: number; readonly receipt: string }> {
    const { status, body } = await call(scene.relay, 'POST', `/v1/doors/${DOOR}/commands`, {
      token: scene.site.accessToken,
      body: { jwe: made.jwe },
    });
    return { status, receipt: String(body['receipt']) };
  }

  for (const [name, make] of Object.entries(MAKERS) as [keyof typeof MAKERS, Maker][]) {
    it(`${name}: opens and locks the virtual door, and all three read the receipts`, async function () {
      if (!hasJwcrypto()) {
        process.stderr.write('left out, this machine lacks python3-jwcrypto\n');
        this.skip();
      }
      const since = door.pin.length;
      for (const [act, lock, params] of [
        ['unlock', 'unlocked', { holdMs: 0 }],
        ['status', 'unlocked', undefined],
        ['lock', 'locked', undefined],
      ] as const) {
        const made = await make({ key, act, password: PASSWORD, ...(params !== undefined && { params }) });
        const { status, receipt } = await send(made);
        expect(status).to.equal(200);
        for (const read of Object.values(READERS)) {
          const { jti, door: from, code, status: said, state } = await read(receipt, made);
          expect({ jti, from, code, said, lock: state?.lock }).to.deep.equal({
            jti: made.jti,
            from: DOOR,
            code: 'ok',
            said: 200,
            lock,
          });
        }
      }
      expect(door.pin.slice(since)).to.deep.equal([true, false]);
    });

    it(`${name}: a wrong password is refused in a receipt all three read, and that tells no state`, async function () {
      if (!hasJwcrypto()) this.skip();
      // One each, three in all: after those the relay answers this site in the door's place.
      const made = await make({ key, act: 'unlock', password: `not by ${name}` });
      const { status, receipt } = await send(made);
      expect(status).to.equal(422);
      for (const read of Object.values(READERS)) {
        const opened = await read(receipt, made);
        expect(opened).to.include({ jti: made.jti, code: 'bad_credential', status: 400 });
        expect(opened).to.not.have.property('state');
      }
    });
  }
});
