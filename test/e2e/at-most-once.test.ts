import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { SimulatedDoor } from '../../src/simulator/door.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal, type Sealed } from '../simulator/support/seal.js';
import { makeCertificate } from '../simulator/support/test-ca.js';
import { freePorts, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin } from '../support/relay.js';
import { loginTestSite, type HttpAnswer, type TestSite } from '../support/site.js';
import { Api } from './support/api.js';
import { Balancer } from './support/balancer.js';
import { ClientSocket } from './support/client-socket.js';
import { startRelayProcess, type RelayProcess } from './support/relay-process.js';

const PASSWORD = 'correct horse battery';
const DOORS = 6;
const COMMANDS_PER_DOOR = 45;
const SENDERS_PER_DOOR = 3;
const TIMEOUT_MS = 700;
const FINAL: readonly unknown[] = ['executed', 'refused', 'expired', 'indeterminate'];

interface Sent {
  readonly door: SimulatedDoor;
  readonly sealed: Sealed;
  /** What senders were told, of every attempt with this envelope. */
  readonly told: string[];
}

/**
 * Protocol 6.7: many concurrent commands, every third of them sent through both relays at once, sockets that die all the
 * time, and a relay killed with SIGKILL in the middle. Counted where it matters: at the doors.
 */
describe('at most once', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let balancer: Balancer;
  let site: TestSite;
  let identity: DoorIdentity;
  let shared: Record<string, string>;
  let secretsDir: string;
  const relays: RelayProcess[] = [];
  const apis: Api[] = [];
  const doors: SimulatedDoor[] = [];
  const sent: Sent[] = [];

  before(async () => {
    identity = await testIdentity();
    redis = await startTestRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    balancer = await new Balancer().start();
    secretsDir = mkdtempSync(join(tmpdir(), 'openlock-secrets-'));
    // One certificate for the fleet, as behind a real balancer.
    const { ca, cert, key } = makeCertificate();
    writeFileSync(join(secretsDir, 'relay.pem'), cert);
    writeFileSync(join(secretsDir, 'relay.key'), key, { mode: 0o600 });
    const [first, second, third] = await freePorts(3);
    shared = {
      OPENLOCK_REDIS_URL: redis.url,
      OPENLOCK_SECRETS_DIR: secretsDir,
      OPENLOCK_PUBLIC_URL: [balancer.url, ...[first, second, third].map((port) => `https://localhost:${port}`)].join(
        ' ',
      ),
      OPENLOCK_COMMAND_TIMEOUT_MS: String(TIMEOUT_MS),
      OPENLOCK_TLS_CERT: join(secretsDir, 'relay.pem'),
      OPENLOCK_TLS_KEY: join(secretsDir, 'relay.key'),
    };
    const start = (port: number | undefined, node: string): Promise<RelayProcess> =>
      startRelayProcess({ ...shared, OPENLOCK_PORT: String(port), OPENLOCK_NODE_ID: node }, ca);
    // Three: two at work, and one that takes the place of the killed one.
    relays.push(
      ...(await Promise.all([start(first, 'relay-a'), start(second, 'relay-b')])),
      await start(third, 'relay-c'),
    );
    apis.push(...relays.map((process) => new Api(process)));
    balancer.upstreams = relays.slice(0, 2).map(({ port }) => port);
    site = await loginTestSite(relay(0));
    await addDoors();
  });

  after(async () => {
    await Promise.all(doors.map((door) => door.stop()));
    for (const connections of apis) connections.close();
    await Promise.all(relays.map((process) => process.dispose()));
    await site?.stop();
    await balancer?.stop();
    await redis?.stop();
    rmSync(secretsDir, { recursive: true, force: true });
  });

  function relay(index: number): RelayProcess & { app: never; stop(): Promise<void> } {
    return relays[index] as RelayProcess & { app: never; stop(): Promise<void> };
  }

  function api(index: number): Api {
    const found = apis[index];
    if (found === undefined) throw new Error(`there is no relay ${index}`);
    return found;
  }

  async function addDoors(): Promise<void> {
    const admin = doorAdmin(await redis.link('openlock-cli'));
    const { ca } = relay(0);
    // A fiftieth of the jitter: the rules stay, the test is quicker.
    const random = {
      bytes: (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))),
      fraction: () => Math.random() / 50,
    };
    for (let index = 0; index < DOORS; index += 1) {
      const doorId = `door-${index}`;
      const { enrolmentToken } = await admin.add(doorId, {});
      await admin.grant(doorId, site.siteId, { role: 'user' });
      doors.push(
        new SimulatedDoor({
          doorId,
          relayUrl: balancer.url,
          ca,
          enrolmentToken,
          password: PASSWORD,
          keyPair: identity,
          random,
        }),
      );
    }
    await Promise.all(doors.map((door) => door.start()));
  }

  it('holds while sockets and a relay die', async () => {
    let stopChaos = false;
    const chaos = (async () => {
      while (!stopChaos) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        const live = doors.filter((door) => door.live);
        live[Math.floor(Math.random() * live.length)]?.killSocket();
      }
    })();
    const senders = doors.flatMap((door) =>
      Array.from({ length: SENDERS_PER_DOOR }, () => send(door, COMMANDS_PER_DOOR / SENDERS_PER_DOOR)),
    );
    const total = DOORS * COMMANDS_PER_DOOR;
    while (sent.length < total / 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await relay(0).kill();
    balancer.upstreams = [relay(1).port, relay(2).port];
    await Promise.all(senders);
    stopChaos = true;
    await chaos;
    expect(sent).to.have.length(total);
  });

  it('none was carried out twice, and no frame came twice', () => {
    for (const door of doors) {
      const jtis = door.executions.map(({ jti }) => jti);
      expect(new Set(jtis).size, door.doorId).to.equal(jtis.length);
      expect(door.duplicates, door.doorId).to.equal(0);
    }
    // Enough of them ran for the above to mean something, however busy the machine is.
    expect(doors.reduce((sum, door) => sum + door.executed, 0)).to.be.above((DOORS * COMMANDS_PER_DOOR) / 10);
  });

  it('every command ended in exactly one state, and it agrees with the door', async () => {
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS + 200)); // the last deadline
    const tally = new Map<string, number>();
    const records: (readonly [HttpAnswer, HttpAnswer])[] = [];
    for (let at = 0; at < sent.length; at += 20) {
      records.push(
        ...(await Promise.all(
          sent
            .slice(at, at + 20)
            .map(({ door, sealed }) => Promise.all([recordOf(1, door, sealed), recordOf(2, door, sealed)])),
        )),
      );
    }
    for (const [index, { door, sealed, told }] of sent.entries()) {
      const [one, two] = records[index] ?? [];
      if (one === undefined || two === undefined) throw new Error('no record');
      const executions = door.executions.filter(({ commandId }) => commandId === sealed.id).length;
      const label = `${door.doorId} ${sealed.id} told ${told.join(', ')}`;
      // Never admitted, by any of the attempts: then it left no trace.
      const state = one.status === 404 ? 'unknown' : one.body['state'];
      expect(two.status === 404 ? 'unknown' : two.body['state'], label).to.equal(state);
      expect(state === 'unknown' || FINAL.includes(state), `${label} is ${String(state)}`).to.equal(true);
      if (state === 'executed') expect(executions, label).to.equal(1);
      else if (state !== 'indeterminate') expect(executions, `${label} is ${String(state)}`).to.equal(0);
      // Who was told that it ran was told the truth.
      if (told.includes('executed')) expect(state, label).to.equal('executed');
      tally.set(String(state), (tally.get(String(state)) ?? 0) + 1);
    }
    expect(tally.get('executed') ?? 0).to.be.above(0);
  });

  it('left nothing behind that counts as in flight', async () => {
    const socket = await ClientSocket.open(relay(2), site.accessToken);
    await Promise.all(
      doors.map(async (door) => {
        while (!door.live) await door.once('live');
        const lock = seal({
          publicPem: identity.publicPem,
          kid: identity.kid,
          door: door.doorId,
          password: PASSWORD,
          act: 'lock',
        });
        expect(await socket.ask({ t: 'command', door: door.doorId, jwe: lock.jwe })).to.include({
          t: 'result',
          state: 'executed',
        });
      }),
    );
    socket.close();
  });

  async function send(door: SimulatedDoor, count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const sealed = seal({
        publicPem: identity.publicPem,
        kid: identity.kid,
        door: door.doorId,
        password: PASSWORD,
        act: index % 2 === 0 ? 'unlock' : 'lock',
      });
      const entry: Sent = { door, sealed, told: [] };
      sent.push(entry);
      if (index % 3 === 0) await Promise.all([deliver(entry), deliver(entry)]);
      else await deliver(entry);
    }
  }

  /** As an impatient client would: the very same envelope again, through another relay, until the answer is not "try again". */
  async function deliver({ door, sealed, told }: Sent): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const through = balancer.upstreams[Math.floor(Math.random() * balancer.upstreams.length)];
      const target = relays.findIndex(({ port }) => port === through);
      const answer = await api(target)
        .call('POST', `/v1/doors/${door.doorId}/commands`, site.accessToken, { jwe: sealed.jwe })
        .catch(() => undefined);
      const said =
        answer === undefined
          ? 'connection lost'
          : String(answer.status === 200 ? answer.body['state'] : answer.body['code']);
      told.push(said);
      if (answer !== undefined && !['rate_limited', 'door_offline', 'store_unavailable'].includes(said)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Asked again while the relay cannot say: a busy machine may keep the store from answering in time. */
  async function recordOf(index: number, door: SimulatedDoor, sealed: Sealed): Promise<HttpAnswer> {
    for (;;) {
      const answer = await api(index).call('GET', `/v1/doors/${door.doorId}/commands/${sealed.id}`, site.accessToken);
      if (answer.status === 200 || answer.body['code'] === 'command_not_found') return answer;
      expect(answer.body['code']).to.be.oneOf(['store_unavailable', 'rate_limited']);
    }
  }
});
