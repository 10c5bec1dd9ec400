import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { sdkFor } from '../support/sdk.js';
import { loginTestSite, type TestSite } from '../support/site.js';

const PASSWORD = 'correct horse';

/** From the SDK through a real relay to a door, which has asked SNTP or has no idea what time it is. */
describe('the SDK and a door that doubts its clock (protocol 6.6, 19.4)', () => {
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let site: TestSite;

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(relay);
  });

  after(async () => {
    await site?.stop();
    await relay?.stop();
    await redis?.stop();
  });

  for (const clock of ['sure', 'unsure'] as const)
    for (const transport of ['http', 'socket'] as const)
      it(`open it over ${transport} while its clock is ${clock}, each command once`, async () => {
        const doorId = `${clock}-${transport}`;
        const { enrolmentToken } = await admin.add(doorId);
        await admin.grant(doorId, site.siteId, { role: 'manager' });
        const sntp = (): number | undefined => (clock === 'sure' ? Date.now() : undefined);
        const settings = { doorId, relayUrl: relay.url, ca: relay.ca, enrolmentToken, password: PASSWORD };
        const simulated = new SimulatedDoor({ ...settings, sntp });
        await simulated.start();
        const sdk = sdkFor(relay, site, { transport });
        try {
          const door = sdk.door(doorId, { kid: simulated.kid });
          const asked = await door.unlock({ password: PASSWORD, freshness: 'challenge' });
          expect([asked.outcome, asked.state?.clock]).to.deep.equal(['executed', clock]);
          // Nobody asked for a challenge: where the door wants one, the SDK fetches it by itself.
          expect((await door.lock({ password: PASSWORD })).outcome).to.equal('executed');
          const intent = door.intent('unlock');
          const outcomes = [];
          for (const freshness of [undefined, undefined, 'challenge'] as const)
            outcomes.push(
              (await door.unlock({ password: PASSWORD, intent, ...(freshness !== undefined && { freshness }) }))
                .outcome,
            );
          expect(outcomes).to.deep.equal(['executed', 'executed_earlier', 'executed_earlier']);
          expect(simulated.executions.map(({ act }) => act)).to.deep.equal(['unlock', 'lock', 'unlock']);
        } finally {
          sdk.close();
          await simulated.stop();
        }
      });
});
