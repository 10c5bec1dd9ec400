import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { doorKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { hello, makeRawKey, openDoorSocket, register, type RawSocket } from '../support/raw-door.js';
import { freePorts, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';

const JUMP = 2 ** 20;

describe('the epoch a door claims to know (protocol 5.1)', () => {
  let redis: TestRedis;
  let relay: TestRelay;
  let link: RedisLink;
  let admin: DoorAdmin;
  let metricsPort: number;
  const key = makeRawKey();
  const open: RawSocket[] = [];

  before(async () => {
    redis = await startTestRedis();
    [metricsPort = 0] = await freePorts(1);
    relay = await startTestRelay(redis.url, { OPENLOCK_PUBLIC_URL: '', OPENLOCK_METRICS_PORT: String(metricsPort) });
    link = await redis.link('openlock-cli');
    admin = doorAdmin(link);
  });
  afterEach(async () => {
    const sockets = open.splice(0);
    for (const { ws } of sockets) ws.close();
    await Promise.all(sockets.map(({ closed }) => closed));
  });
  after(async () => {
    await relay.stop();
    await redis.stop();
  });

  /** Registers and says hello with an epoch; the welcome's epoch, or the close code. */
  async function helloWith(doorId: string, epoch: number, enrolmentToken?: string): Promise<unknown> {
    const answer = await register(relay, doorId, key, enrolmentToken === undefined ? {} : { enrolmentToken });
    expect(answer.status).to.equal(200);
    const socket = await openDoorSocket(relay, doorId, answer.body['sessionToken'] as string);
    open.push(socket);
    socket.send(hello({ epoch }));
    return Promise.race([socket.next().then((frame) => frame['epoch']), socket.closed]);
  }
  const record = (doorId: string): Promise<string | null> => link.client.hget(doorKeys(doorId).record, 'epoch');
  async function jumps(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return Number(/^openlock_door_epoch_jumps_total (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  it('may be as far above the record as a door can have come, and not a step further', async () => {
    const { enrolmentToken } = await admin.add('jumper');
    expect(await helloWith('jumper', JUMP, enrolmentToken)).to.equal(JUMP + 1);
    expect(await helloWith('jumper', 2 * JUMP + 2)).to.equal(4004);
    expect(await record('jumper'), 'nothing was changed').to.equal(String(JUMP + 1));
    expect(await helloWith('jumper', 2 * JUMP + 1)).to.equal(2 * JUMP + 2);
  });

  it('far above it is counted and audited, and the door stays usable', async () => {
    const { enrolmentToken } = await admin.add('poisoner');
    const before = await jumps();
    expect(await helloWith('poisoner', Number.MAX_SAFE_INTEGER - 1, enrolmentToken)).to.equal(4004);
    expect((await jumps()) - before).to.equal(1);
    const store = new AuditStore(link);
    const told = async (): Promise<boolean> =>
      (await store.openFolds()).some(
        (text) => text.includes('"code":"epoch_jump"') && text.includes('"door":"poisoner"'),
      );
    while (!(await told())) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await helloWith('poisoner', 0)).to.equal(1);
  });

  it('is forgotten by a reset', async () => {
    const { enrolmentToken } = await admin.add('replaced');
    expect(await helloWith('replaced', 1000, enrolmentToken)).to.equal(1001);
    const again = await admin.reset('replaced');
    expect(await record('replaced')).to.equal(null);
    await open.at(-1)?.closed;
    expect(await helloWith('replaced', 0, again.enrolmentToken)).to.equal(1);
  });
});
