import { expect } from 'chai';

import { CLIENT_SUBPROTOCOL } from '../../src/protocol/client-frames.js';
import { lookalike } from '../support/envelopes.js';
import { liveDoor, makeRawKey, openSocket, type RawSocket } from '../support/raw-door.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { loginTestSite, type TestSite } from '../support/site.js';

describe('a graceful stop of a relay', () => {
  const DOOR = 'front-door';
  const key = makeRawKey();
  let redis: TestRedis;
  let relay: TestRelay;
  let site: TestSite;
  let door: RawSocket;
  let client: RawSocket;

  beforeEach(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    const admin = doorAdmin(await redis.link('openlock-cli'));
    const { enrolmentToken } = await admin.add(DOOR);
    door = await liveDoor(relay, DOOR, key, enrolmentToken);
    site = await loginTestSite(relay);
    await admin.grant(DOOR, site.siteId, { role: 'manager' });
    const headers = { authorization: `Bearer ${site.accessToken}` };
    client = await openSocket(relay, '/v1/socket', [CLIENT_SUBPROTOCOL], { headers });
  });

  afterEach(async () => {
    await relay.stop();
    await site.stop();
    await redis.stop();
  });

  const under: [string, () => object, (asked: Record<string, unknown>) => object, object][] = [
    [
      'a question',
      () => ({ t: 'status', ref: 'r', door: DOOR }),
      ({ id }) => ({ t: 'status', id, state: { lock: 'locked', mode: 'normal' } }),
      { t: 'status', ref: 'r', online: true, live: true },
    ],
    [
      'a command',
      () => ({ t: 'command', ref: 'r', door: DOOR, jwe: lookalike(DOOR, { kid: key.kid }) }),
      ({ id }) => ({ t: 'result', id, status: 200 }),
      { t: 'result', ref: 'r', state: 'executed' },
    ],
  ];
  for (const [name, ask, reply, answer] of under) {
    it(`lets ${name} under way be answered before anybody is sent away`, async () => {
      client.send(ask());
      const asked = await door.next();
      const stopped = relay.app.stop();
      // It has begun to stop once it takes no new connections.
      while (await accepts(relay)) await new Promise((resolve) => setImmediate(resolve));
      door.send(reply(asked));
      expect(await Promise.race([client.next(), client.closed])).to.include(answer);
      expect(await client.closed).to.equal(1001);
      expect(await door.closed).to.equal(1001);
      await stopped;
    });
  }
});

async function accepts(relay: TestRelay): Promise<boolean> {
  try {
    const socket = await openSocket(relay, '/v1/socket', [CLIENT_SUBPROTOCOL]);
    socket.ws.terminate();
    return true;
  } catch (error) {
    return (error as { status?: number }).status === 401;
  }
}
