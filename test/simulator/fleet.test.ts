import { expect } from 'chai';

import { DoorFleet, runFleet } from '../../src/simulator/fleet.js';
import type { FleetStatistics } from '../../src/simulator/fleet-counters.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { RampGate } from '../../src/simulator/ramp-gate.js';
import { makeRelease, makeReleaseKey } from '../support/releases.js';
import { FakeTime } from './support/fake-time.js';
import { testIdentity } from './support/keys.js';
import { ScriptedUpdate } from './support/scripted-update.js';
import { seal } from './support/seal.js';
import { StandInRelay } from './support/stand-in-relay.js';
import { makeCertificate, type TestCertificate } from './support/test-ca.js';

const eager = {
  bytes: (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))),
  fraction: () => 0,
};

describe('RampGate', () => {
  it('lets so many requests through in a second, in order', async () => {
    const time = new FakeTime();
    const gate = new RampGate(time, 30, 1000);
    const entered: number[] = [];
    for (let door = 0; door < 60; door += 1) void gate.enter(3).then(() => entered.push(door));
    for (let tick = 0; tick < 20; tick += 1) {
      time.advance(50);
      await Promise.resolve();
    }
    await new Promise(setImmediate);
    expect(entered.length).to.be.within(9, 11);
    expect(entered).to.deep.equal([...entered].sort((a, b) => a - b));
  });

  it('lets in the next when one has arrived', async () => {
    const gate = new RampGate(new FakeTime(), Infinity, 1);
    const leave = await gate.enter(3);
    let second = false;
    void gate.enter(1).then(() => (second = true));
    await new Promise(setImmediate);
    expect(second).to.equal(false);
    leave();
    leave();
    await new Promise(setImmediate);
    expect(second).to.equal(true);
  });

  it('lets everybody go when it closes', async () => {
    const gate = new RampGate(new FakeTime(), 1, 1);
    const all = Promise.all(Array.from({ length: 10 }, () => gate.enter(3)));
    gate.close();
    expect(await all).to.have.length(10);
  });
});

describe('DoorFleet', () => {
  let identity: DoorIdentity;
  let certificate: TestCertificate;
  let relay: StandInRelay;

  before(async () => {
    certificate = makeCertificate();
    identity = await testIdentity();
  });
  beforeEach(async () => {
    relay = await new StandInRelay(certificate).start();
  });
  afterEach(() => relay.stop());

  const options = (count: number) => ({
    relayUrl: relay.origin,
    ca: relay.ca,
    password: 'correct horse',
    keys: [identity],
    doors: Array.from({ length: count }, (_, index) => ({ doorId: `door-${index}`, enrolmentToken: `t-${index}` })),
    requestsPerSecond: Infinity,
    random: eager,
  });

  it('brings every door up, and back after the sockets broke', async () => {
    const fleet = new DoorFleet(options(40));
    await fleet.start();
    expect(fleet.statistics()).to.include({ doors: 40, connected: 40, disconnects: 0 });
    const back = Promise.all(fleet.doors.map((door) => door.once('live')));
    for (const door of fleet.doors) door.killSocket();
    await back;
    const statistics = fleet.statistics();
    expect(statistics).to.include({ connected: 40, disconnects: 40, reconnects: 40, duplicates: 0 });
    expect(statistics.reconnectMs.max).to.be.at.least(statistics.reconnectMs.p50);
    expect(statistics.troubles).to.deep.equal({ 'live 1006': 40 });
    await fleet.stop();
    expect(fleet.statistics().connected).to.equal(0);
  });

  it('obeys commands, or answers them unread when it is blind', async () => {
    for (const answer of ['faithful', 'blind'] as const) {
      const fleet = new DoorFleet({ ...options(1), answer });
      await fleet.start();
      const peer = await relay.arrival();
      const unlock = seal({
        publicPem: identity.publicPem,
        kid: identity.kid,
        door: peer.doorId,
        password: 'correct horse',
        act: 'unlock',
      });
      expect((await peer.command(unlock)).status).to.equal(200);
      expect(fleet.statistics()).to.include({ commands: 1, executed: answer === 'faithful' ? 1 : 0 });
      await fleet.stop();
    }
  });

  it('counts what its doors make of updates', async () => {
    const key = makeReleaseKey();
    const fleet = new DoorFleet({ ...options(3), updates: { releaseKeys: [key.pem] } });
    await fleet.start();
    expect(fleet.statistics()).to.not.have.property('updates');
    const good = makeRelease({ key, version: '0.2.0' });
    const older = makeRelease({ key, version: '0.0.9' });
    for (const release of [good, good, older]) new ScriptedUpdate(await relay.arrival(), 'u1', release).offer();
    for (let back = 0; back < 2; back += 1)
      await new ScriptedUpdate(await relay.arrival(), 'u1', good).phase('confirmed');
    expect(fleet.statistics().updates).to.deep.equal({
      offers: 3,
      bytes: 2 * good.image.length,
      strays: 0,
      rebooting: 2,
      confirmed: 2,
      rolledBack: 0,
      refused: 1,
      failed: 0,
    });
    await fleet.stop();
  });

  it('runs until it is told to stop, reporting on the way', async () => {
    const stop = new AbortController();
    const reports: FleetStatistics[] = [];
    const end = await runFleet({
      ...options(5),
      signal: stop.signal,
      progressEveryMs: 20,
      onProgress: (statistics) => {
        reports.push(statistics);
        if (statistics.connected === 5) stop.abort();
      },
    });
    expect(end.connected).to.equal(5);
    expect(end.allConnectedMs).to.be.a('number');
    expect(reports.length).to.be.at.least(1);
  });

  it('stops at once when told before anybody is connected', async () => {
    const gone = options(5);
    await relay.stop();
    const stop = new AbortController();
    const run = runFleet({ ...gone, signal: stop.signal });
    stop.abort();
    expect((await run).connected).to.equal(0);
    await relay.start();
  });
});
