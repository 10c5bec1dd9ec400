import { expect } from 'chai';

import { HostMetrics, metricsOf } from '../../src/host/host-metrics.js';
import { fromRelaySchema, type ProcessMetric } from '../../src/host/messages.js';
import { Metrics } from '../../src/metrics.js';

/** What a process sends, as the parent has it after its way through JSON. */
async function sentBy(metrics: Metrics): Promise<readonly ProcessMetric[]> {
  const text = JSON.stringify({ t: 'metrics', metrics: await metricsOf(metrics.registry) });
  const message = fromRelaySchema.parse(JSON.parse(text));
  if (message.t !== 'metrics') throw new Error('not the metrics');
  return message.metrics;
}

describe('the metrics of several processes of one host', () => {
  let relays: [Metrics, Metrics];
  let own: Metrics;
  let host: HostMetrics;

  beforeEach(() => {
    relays = [new Metrics(), new Metrics()];
    own = new Metrics();
    host = new HostMetrics(own.registry, ['openlock_process_restarts_total'], sayAll);
  });

  async function sayAll(): Promise<void> {
    for (const [index, relay] of relays.entries()) host.say(index + 1, await sentBy(relay));
  }

  /** Series by name and labels. */
  async function shown(): Promise<ReadonlyMap<string, string>> {
    const lines = (await host.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
  }

  it('sums what is counted, and shows of gauges what one wants to know', async () => {
    const [one, other] = relays;
    one.commands.inc({ state: 'executed' }, 3);
    other.commands.inc({ state: 'executed' }, 4);
    one.commandSeconds.observe(0.02);
    other.commandSeconds.observe(3);
    one.connectedDoors.set(10);
    other.connectedDoors.set(5);
    one.redisMemory.set(0.5);
    other.redisMemory.set(0.6);
    one.certificateExpiry.set(1_900_000_000);
    other.certificateExpiry.set(1_800_000_000);
    own.processRestarts.inc(2);
    const series = await shown();
    expect(series.get('openlock_commands_total{state="executed"}')).to.equal('7');
    expect(series.get('openlock_command_duration_seconds_bucket{le="0.025"}')).to.equal('1');
    expect(series.get('openlock_command_duration_seconds_bucket{le="+Inf"}')).to.equal('2');
    expect(series.get('openlock_command_duration_seconds_count')).to.equal('2');
    expect(series.get('openlock_connected_doors')).to.equal('15');
    expect(series.get('openlock_redis_memory_used_ratio')).to.equal('0.6');
    expect(series.get('openlock_tls_certificate_expiry_timestamp_seconds')).to.equal('1800000000');
    expect([...series.entries()].filter(([name]) => name.startsWith('openlock_build_info'))[0]?.[1]).to.equal('1');
    expect(series.get('openlock_process_restarts_total')).to.equal('2');
  });

  it('has every series one process has, and tells apart what belongs to a process', async () => {
    const alone = (await relays[0].registry.metrics()).split('\n').flatMap((line) => /^[a-z]\w+/.exec(line)?.[0] ?? []);
    const names = new Set([...(await shown()).keys()].map((series) => /^\w+/.exec(series)?.[0]));
    expect([...new Set(alone)].filter((name) => !names.has(name))).to.deep.equal([]);
    const series = await shown();
    for (const process of ['supervisor', '1', '2'])
      expect(Number(series.get(`process_resident_memory_bytes{process="${process}"}`))).to.be.greaterThan(1e6);
    expect([...series.values()]).not.to.include('null');
  });

  it('never falls when a process ends and another takes its place', async () => {
    relays[0].commands.inc({ state: 'executed' }, 100);
    relays[0].commandSeconds.observe(0.02);
    relays[1].commands.inc({ state: 'executed' }, 1);
    relays[0].connectedDoors.set(3);
    await shown();
    for (let round = 0; round < 3; round += 1) {
      host.end(1);
      relays[0] = new Metrics();
      relays[0].commands.inc({ state: 'executed' }, 10);
      const series = await shown();
      expect(series.get('openlock_commands_total{state="executed"}')).to.equal(String(111 + 10 * round));
      expect(series.get('openlock_command_duration_seconds_count')).to.equal('1');
      expect(series.get('openlock_connected_doors')).to.equal('0');
    }
  });

  it('shows a process that does not answer as it was last', async () => {
    relays[0].commands.inc({ state: 'executed' }, 5);
    await shown();
    const silent = new HostMetrics(own.registry, [], () => Promise.resolve());
    silent.say(1, await sentBy(relays[0]));
    expect(await silent.metrics()).to.contain('openlock_commands_total{state="executed"} 5');
    expect(await silent.metrics()).to.contain('openlock_commands_total{state="executed"} 5');
  });
});
