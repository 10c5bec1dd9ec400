import { expect } from 'chai';

import { ProcessError } from '../../src/host/process-error.js';
import type { FromRelay, ToRelay } from '../../src/host/messages.js';
import { Supervisor, type ProcessEvents, type RelayProcess } from '../../src/host/supervisor.js';
import { FakeClock, settle } from '../support/fake-clock.js';

/** A process that does what the test says. */
class FakeProcess implements RelayProcess {
  readonly received: ToRelay[] = [];
  /** Messages are not taken. */
  isStuck = false;
  isKilled = false;
  readonly #stuck: (() => void)[] = [];

  constructor(
    readonly pid: number,
    readonly events: ProcessEvents,
  ) {}

  send(message: ToRelay): Promise<void> {
    this.received.push(message);
    return this.isStuck ? new Promise((resolve) => this.#stuck.push(resolve)) : Promise.resolve();
  }

  kill(): void {
    this.isKilled = true;
    this.events.end('signal SIGKILL');
  }

  say(message: FromRelay): void {
    this.events.message(message);
  }

  listen(port = 8443): void {
    this.say({ t: 'hello' });
    this.say({ t: 'listening', urls: { port, publicOrigins: [`https://localhost:${port}`] } });
  }

  fail(code: string): void {
    this.say({ t: 'failed', failure: { code, detail: `It said ${code}.` } });
    this.events.end('exit code 0');
  }

  unstick(): void {
    this.isStuck = false;
    for (const resolve of this.#stuck.splice(0)) resolve();
  }

  got<T extends ToRelay['t']>(kind: T): readonly Extract<ToRelay, { t: T }>[] {
    return this.received.filter((message): message is Extract<ToRelay, { t: T }> => message.t === kind);
  }
}

describe('the supervisor of relay processes', () => {
  let clock: FakeClock;
  let started: FakeProcess[];
  let ports: number[];
  let ended: number[];
  let restarts: number;
  let errors: string[];

  beforeEach(() => {
    clock = new FakeClock();
    [started, ports, ended, restarts, errors] = [[], [], [], 0, []];
  });

  function supervisor(count: number): Supervisor {
    return new Supervisor({
      ...{ count, clock, name: 'relay-a', hashKey: 'AAAAAAAAAAA' },
      log: { info: () => undefined, error: (_fields, message) => void errors.push(message) },
      metrics: { say: () => undefined, end: (slot) => void ended.push(slot) },
      onRestart: () => (restarts += 1),
      onMoved: ({ port }) => void ports.push(port),
      start: (events) => {
        const process = new FakeProcess(1000 + started.length, events);
        started.push(process);
        return process;
      },
    });
  }

  async function running(count: number): Promise<Supervisor> {
    const host = supervisor(count);
    const starting = host.start();
    for (let slot = 0; slot < count; slot += 1) {
      at(slot).listen();
      await settle();
    }
    await starting;
    return host;
  }

  function at(index: number): FakeProcess {
    const process = started[index];
    if (process === undefined) throw new Error(`process ${index} was not started`);
    return process;
  }

  async function errorOf(work: Promise<unknown>): Promise<ProcessError> {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof ProcessError)) throw new Error(`not refused: ${String(error)}`);
    return error;
  }

  it('starts the first alone and the others after it, each with its place', async () => {
    const host = supervisor(3);
    const starting = host.start();
    expect(started).to.have.length(1);
    at(0).listen();
    await settle();
    expect(started).to.have.length(3);
    at(2).listen();
    at(1).listen();
    expect(await starting).to.deep.equal({ port: 8443, publicOrigins: ['https://localhost:8443'] });
    expect(at(2).got('begin')).to.deep.equal([
      { t: 'begin', slot: 3, count: 3, nodeId: 'relay-a-3', hashKey: 'AAAAAAAAAAA' },
    ]);
  });

  it('a process that cannot start ends the whole with what it said, and stops the others', async () => {
    const host = supervisor(3);
    const starting = errorOf(host.start());
    at(0).listen();
    await settle();
    at(1).fail('store_unavailable');
    await settle();
    expect(at(0).got('stop')).to.have.length(1);
    at(0).events.end('exit code 0');
    // It had said nothing yet: it is told to end as soon as it does.
    at(2).say({ t: 'hello' });
    expect(at(2).got('begin')).to.deep.equal([]);
    at(2).events.end('exit code 0');
    expect((await starting).failure).to.deep.equal({ code: 'store_unavailable', detail: 'It said store_unavailable.' });
    expect(started).to.have.length(3);
    expect(clock.pending).to.equal(0);
  });

  it('stops while it starts, and starts nobody more', async () => {
    const host = supervisor(3);
    const starting = errorOf(host.start());
    at(0).say({ t: 'hello' });
    host.halt();
    expect(at(0).got('stop')).to.have.length(1);
    // It cannot stop before it listens.
    at(0).say({ t: 'listening', urls: { port: 8443, publicOrigins: [] } });
    await settle();
    at(0).events.end('exit code 0');
    expect((await starting).failure.code).to.equal('stopped_early');
    expect(started).to.have.length(1);
    expect(errors).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
  });

  it('a process that dies before it said anything is told by how it ended', async () => {
    const starting = errorOf(supervisor(2).start());
    at(0).events.end('signal SIGSEGV');
    expect((await starting).failure).to.deep.include({ code: 'start_failed' });
    expect((await starting).message).to.contain('signal SIGSEGV');
  });

  it('starts again who ended, in its place, later each time, and soon again after it was well for a while', async () => {
    await running(2);
    const delays: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      started.at(-1)?.events.end('exit code 1');
      const count = started.length;
      const endedAt = clock.time;
      while (started.length === count) await clock.advance(100);
      delays.push(clock.time - endedAt);
      started.at(-1)?.listen();
      expect(started.at(-1)?.got('begin')[0]?.slot).to.equal(2);
    }
    expect(delays).to.deep.equal([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    expect(restarts).to.equal(10);
    expect(ended).to.deep.equal(Array(10).fill(2));
    await clock.advance(61_000);
    started.at(-1)?.events.end('exit code 1');
    const count = started.length;
    await clock.advance(200);
    expect(started).to.have.length(count + 1);
  });

  it('tries on while another serves, and gives up when none is left', async () => {
    const host = await running(2);
    const hopeless = errorOf(host.hopeless);
    at(1).events.end('signal SIGKILL');
    await clock.advance(200);
    at(2).fail('store_unavailable');
    await clock.advance(400);
    expect(started).to.have.length(4);
    at(3).listen();
    at(0).events.end('signal SIGKILL');
    at(3).events.end('signal SIGKILL');
    await clock.advance(60_000);
    for (const process of started.slice(4)) process.fail('port_in_use');
    expect((await hopeless).failure.code).to.equal('port_in_use');
  });

  it('carries reports to the others, and says who came and who left', async () => {
    await running(3);
    const report = { requests: { keys: [7], counts: [3] } };
    at(0).say({ t: 'share', report });
    expect(at(0).got('share')).to.deep.equal([]);
    expect(at(1).got('share')).to.deep.equal([{ t: 'share', from: 1, report }]);
    expect(at(2).got('share')).to.deep.equal([{ t: 'share', from: 1, report }]);
    at(1).events.end('exit code 1');
    expect(at(0).got('left')).to.deep.equal([{ t: 'left', slot: 2 }]);
    const joined = at(0).got('joined').length;
    await clock.advance(200);
    at(3).listen();
    expect(at(0).got('joined')).to.have.length(joined + 1);
  });

  it('does not drown a process that reads nothing, and has it told everything afterwards', async () => {
    await running(2);
    at(1).isStuck = true;
    for (let count = 0; count < 1000; count += 1)
      at(0).say({ t: 'share', report: { places: { keys: ['a'], counts: [count] } } });
    expect(at(1).got('share')).to.have.length(64);
    const joined = at(0).got('joined').length;
    at(1).unstick();
    await settle();
    expect(at(0).got('joined')).to.have.length(joined + 1);
  });

  it('says where all are reached when that changes', async () => {
    await running(1);
    at(0).events.end('exit code 1');
    await clock.advance(200);
    at(1).listen(8444);
    expect(ports).to.deep.equal([8444]);
  });

  it('asks all for their metrics, and does not wait for who does not answer', async () => {
    const host = await running(2);
    const asked = host.askMetrics();
    at(0).say({ t: 'metrics', metrics: [] });
    at(1).say({ t: 'metrics', metrics: [] });
    await asked;
    for (let round = 0; round < 3; round += 1) {
      const late = host.askMetrics();
      at(0).say({ t: 'metrics', metrics: [] });
      await clock.advance(1_000);
      await late;
    }
    expect(at(1).got('metrics')).to.have.length(2);
    expect(clock.pending).to.equal(0);
  });

  it('stops all, starts nobody again, and ends who takes too long', async () => {
    const host = await running(3);
    at(2).events.end('exit code 1');
    const stopping = errorOf(host.stop());
    at(0).events.end('exit code 0');
    expect(at(1).got('stop')).to.have.length(1);
    await clock.advance(9_600);
    expect(at(1).isKilled).to.equal(false);
    await clock.advance(100);
    expect(at(1).isKilled).to.equal(true);
    expect((await stopping).failure.code).to.equal('slow_stop');
    await clock.advance(60_000);
    expect(started).to.have.length(3);
  });

  it('a stop that all finish is quiet; one that a process could not finish is told', async () => {
    const host = await running(2);
    const quiet = host.stop();
    for (const process of started) process.events.end('exit code 0');
    await quiet;
    expect(errors).to.deep.equal([]);
    started = [];
    const other = await running(2);
    const told = errorOf(other.stop());
    at(0).fail('slow_stop');
    at(1).events.end('exit code 0');
    expect((await told).failure.code).to.equal('slow_stop');
  });

  it('a message that nobody knows is told, and no more', async () => {
    await running(1);
    at(0).events.message({ t: 'nonsense' });
    expect(errors).to.deep.equal(['a message that nobody knows']);
  });
});
