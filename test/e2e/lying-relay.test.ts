import { expect } from 'chai';

import { TimeoutError, type FetchLike } from '../../src/client/index.js';
import { relayFetch } from '../../src/cli/support/relay-client.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import { sdkFor } from '../support/sdk.js';
import { failure } from '../client/support/errors.js';
import { needVirtualDoor, PASSWORD } from './virtual-door/support/host-door.js';
import { DOOR, Scene } from './virtual-door/support/scene.js';

/** A click, "expired" says the relay and has delivered, a second click: the door acts once and says so (protocol 6.6). */
describe('a relay that says "not sent" of what it has sent', function () {
  this.timeout(60_000);
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.start();
  });
  afterEach(() => scene?.end());

  /** Passes everything on to the real relay, and answers the first command with a lie. */
  function lyingFetch(): FetchLike {
    const fetch = relayFetch({ host: '127.0.0.1', port: scene.relay.port, tls: true, ca: [scene.relay.ca] });
    let hasLied = false;
    return async (url, init) => {
      const answer = await fetch(url, init);
      if (hasLied || !url.endsWith('/commands')) return answer;
      hasLied = true;
      expect(answer.status).to.equal(200);
      return new Response(JSON.stringify({ code: 'door_timeout', detail: 'expired', state: 'expired' }), {
        status: 504,
      });
    };
  }

  async function clickTwice(kid: string): Promise<void> {
    const door = sdkFor(scene.relay, scene.site, { fetch: lyingFetch() }).door(DOOR, { kid });
    const error = await failure(door.unlock({ password: PASSWORD, holdMs: 0 }), TimeoutError);
    expect(error.state).to.equal('expired');
    const again = await door.unlock({ password: PASSWORD, holdMs: 0, intent: error.intent });
    expect(again.outcome).to.equal('executed_earlier');
    expect(again.receipt.code).to.equal('replayed');
  }

  it('makes a simulated door act once', async () => {
    const door = new SimulatedDoor({
      doorId: DOOR,
      relayUrl: scene.cable.origin,
      ca: scene.relay.ca,
      enrolmentToken: await scene.addDoor(),
      password: PASSWORD,
    });
    scene.onEnd(() => door.stop());
    await door.start();
    await clickTwice(door.kid);
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock']);
  });

  it('makes the virtual door act once', async function () {
    await needVirtualDoor(this);
    const { door } = await scene.enrolledDoor();
    const since = door.pin.length;
    await clickTwice(door.kid);
    expect(door.pin.slice(since)).to.deep.equal([true]);
  });
});
