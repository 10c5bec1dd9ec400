import { expect } from 'chai';

import type { DoorAdmin } from '../../../src/operators/doors.js';
import { SimulatedDoor } from '../../../src/simulator/door.js';
import type { DoorIdentity } from '../../../src/simulator/identity.js';
import { startCli } from '../../cli/support/cli.js';
import { testIdentity } from '../../simulator/support/keys.js';
import { seal, type Sealed } from '../../simulator/support/seal.js';
import { until } from '../../support/counting.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';
import { doorAdmin } from '../../support/relay.js';
import { call, loginTestSite, type TestSite } from '../../support/site.js';
import { ClientSocket } from '../support/client-socket.js';
import { liveRelays, RelayHost } from './support/host.js';

const PASSWORD = 'correct horse battery';
const PROCESSES = 3;
const DOORS = 12;

/** One host, three relay processes, one port. */
describe('a relay of several processes', function () {
  this.timeout(120_000);
  let redis: TestRedis;
  let host: RelayHost;
  let site: TestSite;
  let admin: DoorAdmin;
  let identity: DoorIdentity;
  const doors: SimulatedDoor[] = [];
  /** Why each door lost its connection, in order. */
  const losses = new Map<string, number[]>();

  before(async () => {
    redis = await startTestRedis();
    identity = await testIdentity();
    host = await RelayHost.start(PROCESSES, { OPENLOCK_REDIS_URL: redis.url, OPENLOCK_NODE_ID: 'relay-a' });
    admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(host.relay as never);
    for (let index = 0; index < DOORS; index += 1) await addDoor(`door-${index}`);
  });

  after(async () => {
    await Promise.all(doors.map((door) => door.stop()));
    await site?.stop();
    await host?.relay.dispose();
    await redis?.stop();
  });

  async function addDoor(doorId: string): Promise<void> {
    const { enrolmentToken } = await admin.add(doorId, {});
    await admin.grant(doorId, site.siteId, { role: 'manager' });
    const { url, ca } = host.relay;
    const door = new SimulatedDoor({
      doorId,
      relayUrl: url,
      ca,
      password: PASSWORD,
      keyPair: identity,
      enrolmentToken,
    });
    losses.set(doorId, []);
    door.on('trouble', ({ stage, closeCode }) => {
      if (stage === 'live') losses.get(doorId)?.push(closeCode ?? 0);
    });
    doors.push(door);
    await door.start();
  }

  const command = (door: string, act: string): Sealed =>
    seal({ publicPem: identity.publicPem, kid: identity.kid, door, password: PASSWORD, act });

  it('has as many leases as processes, each by its own name', async () => {
    const names = (await liveRelays(redis)).map((relayId) => relayId.replace(/\..*$/, ''));
    expect([...names].sort()).to.deep.equal(['relay-a-1', 'relay-a-2', 'relay-a-3']);
    expect(host.processes()).to.have.length(PROCESSES);
  });

  it('any process commands any door, over HTTP and over a client socket', async () => {
    // A connection a request: each reaches another process than the one before.
    for (const { doorId } of doors) {
      const { jwe, id } = command(doorId, 'lock');
      const answer = await call(host.relay as never, 'POST', `/v1/doors/${doorId}/commands`, {
        token: site.accessToken,
        body: { jwe },
      });
      expect(answer.body).to.include({ commandId: id, state: 'executed', status: 200 });
    }
    for (let round = 0; round < PROCESSES; round += 1) {
      const socket = await ClientSocket.open(host.relay, site.accessToken);
      for (const { doorId } of doors) {
        const { jwe, id } = command(doorId, 'lock');
        const result = await socket.ask({ t: 'command', door: doorId, jwe });
        expect(result).to.include({ t: 'result', commandId: id, state: 'executed' });
      }
      socket.close();
    }
    for (const door of doors) expect([door.executed, door.duplicates]).to.deep.equal([1 + PROCESSES, 0]);
  });

  it('one address shows the metrics of all', async () => {
    expect(await host.metric('openlock_connected_doors')).to.equal(DOORS);
    expect(await host.metric('openlock_commands_total{state="executed"}')).to.equal(DOORS * (1 + PROCESSES));
    expect(await host.metric('openlock_command_duration_seconds_count')).to.equal(DOORS * (1 + PROCESSES));
    const text = await host.metrics();
    for (const name of ['supervisor', '1', '2', '3'])
      expect(text).to.match(new RegExp(`^process_resident_memory_bytes\\{process="${name}"\\} [1-9]`, 'm'));
    const taken = [...text.matchAll(/^openlock_process_restarts_total (\d+)$/gm)];
    expect(taken.map(([, count]) => count)).to.deep.equal(['0']);
  });

  it('the command line finds the relay, and works for the whole', async () => {
    const environment = { OPENLOCK_DATA_DIR: host.relay.dataDir, OPENLOCK_REDIS_URL: redis.url };
    for (const { doorId } of doors.slice(0, 3)) {
      const { code, stdout, stderr } = await startCli(['status', doorId, '--json'], environment).done;
      expect(code, stderr).to.equal(0);
      expect(JSON.parse(stdout)).to.include({ doorId, online: true, live: true });
    }
    const { stdout } = await startCli(['door', 'list', '--json'], environment).done;
    expect(stdout.match(/"online":true/g)).to.have.length(DOORS);
    const checked = await startCli(['check-config', '--json'], {
      ...environment,
      OPENLOCK_PORT: String(host.relay.port),
      OPENLOCK_METRICS_PORT: String(host.relay.metricsPort ?? 0),
    }).done;
    expect(checked.code, checked.stderr).to.equal(0);
  });

  it('a process that is killed takes its own doors, which are back soon, and is started again', async () => {
    const before = host.processes();
    const commands = await host.metric('openlock_commands_total{state="executed"}');
    const victim = host.busiest();
    process.kill(victim, 'SIGKILL');
    await until(() => [...losses.values()].some(({ length }) => length > 0), 10_000);
    await until(async () => (await host.metric('openlock_connected_doors')) === DOORS, 20_000);
    const lost = [...losses.values()].filter(({ length }) => length > 0);
    expect(lost.length).to.be.within(1, DOORS - 1);
    expect(lost.every((codes) => codes.length === 1 && codes[0] === 1006)).to.equal(true);
    await until(async () => (await liveRelays(redis)).filter((name) => !name.startsWith('relay-a-')).length === 0);
    await until(() => host.processes().length === PROCESSES, 20_000);
    expect(host.processes().filter((pid) => before.includes(pid))).to.have.length(PROCESSES - 1);
    await until(async () => (await host.metric('openlock_process_restarts_total')) === 1, 20_000);
    // What it had counted is not forgotten, and not counted as new.
    expect(await host.metric('openlock_commands_total{state="executed"}')).to.equal(commands);
    for (const { doorId } of doors) {
      const answer = await call(host.relay as never, 'POST', `/v1/doors/${doorId}/commands`, {
        token: site.accessToken,
        body: { jwe: command(doorId, 'lock').jwe },
      });
      expect(answer.status).to.equal(200);
    }
  });

  it('stops gracefully: doors are sent elsewhere, no process and no lease is left', async () => {
    const pids = host.processes();
    for (const codes of losses.values()) codes.length = 0;
    const begun = Date.now();
    expect(await host.relay.terminate()).to.equal(0);
    expect(Date.now() - begun).to.be.lessThan(10_000);
    await RelayHost.gone(pids, 0);
    await until(() => [...losses.values()].every(({ length }) => length === 1));
    expect([...losses.values()].flat()).to.deep.equal(Array(DOORS).fill(1001));
    // The one that was killed was swept, or its lease runs out.
    expect((await liveRelays(redis)).length).to.be.at.most(1);
  });
});
