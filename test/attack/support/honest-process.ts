/** The honest door and its website, in a process of their own: what they wait is the relay's doing, not the attacker's. */
import { DoorIdentity } from '../../../src/simulator/identity.js';
import { SimulatedDoor } from '../../../src/simulator/door.js';
import { seal } from '../../simulator/support/seal.js';
import { Api } from '../../e2e/support/api.js';
import type { HonestRequest, HonestSaid } from './honest.js';

const PASSWORD = 'correct horse battery';
/** Eight commands a second: below the ten that a site may send. */
const EVERY_MS = 125;
/** A site's places at a door (protocol 6.5). */
const IN_FLIGHT = 2;

const tell = (said: HonestSaid): void => void process.send?.(said);

async function live({ relay, doorId, enrolmentToken, token }: HonestRequest): Promise<void> {
  const keyPair = await DoorIdentity.generate();
  const { publicPem, kid } = keyPair;
  const door = new SimulatedDoor({
    ...{ doorId, relayUrl: relay.url, ca: relay.ca, enrolmentToken, password: PASSWORD, keyPair },
  });
  await door.start();
  let wentOffline = 0;
  door.on('offline', () => (wentOffline += 1));
  const api = new Api(relay);
  let latencies: number[] = [];
  let failures: string[] = [];
  let inFlight = 0;
  const command = async (): Promise<void> => {
    if (inFlight >= IN_FLIGHT) return;
    inFlight += 1;
    const { jwe } = seal({ publicPem, kid, door: doorId, password: PASSWORD, act: 'lock' });
    const begun = performance.now();
    const outcome = await api.call('POST', `/v1/doors/${doorId}/commands`, token, { jwe }).then(
      ({ status, body }) => (status === 200 ? undefined : `${status} ${String(body['code'])}`),
      (error: Error) => error.message,
    );
    inFlight -= 1;
    latencies.push(performance.now() - begun);
    if (outcome !== undefined) failures.push(outcome);
  };
  await command();
  latencies = [];
  setInterval(() => void command(), EVERY_MS);
  process.on('message', () => {
    const sorted = latencies.sort((a, b) => a - b);
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    if (wentOffline > 0) failures.push(`the door went offline ${wentOffline} times`);
    tell({ t: 'mark', latencies: { p50Ms: at(0.5), p99Ms: at(0.99), commands: sorted.length, failures } });
    latencies = [];
    failures = [];
    wentOffline = 0;
  });
  tell({ t: 'ready', publicPem, kid });
}

process.on('disconnect', () => process.exit(0));
process.once('message', (request: HonestRequest) => {
  live(request).catch((error: Error) => {
    process.stderr.write(`the honest site: ${error.stack ?? error.message}\n`);
    process.exit(1);
  });
});
