/** The tables on standard output. */
import { ratesOf, type Verdict } from './aims.js';
import type { BenchResult } from './bench.js';
import type { LaneResult } from './measures/comparison.js';
import type { StoreCost } from './measures/store-cost.js';
import { ratiosOf, spreadOf, type Spread } from './stats.js';

const whole = (value: number): string => (Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '-');
const fixed = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-');
const range = ({ median, min, max }: Spread, format: (value: number) => string): string =>
  `${format(median)} (${format(min)} to ${format(max)})`;

export function report(result: BenchResult): string {
  const sections = [header(result)];
  if (result.lanes !== undefined) sections.push(laneTable(result.lanes, result));
  if (result.store !== undefined) sections.push(storeTable(result.store));
  if (result.memory !== undefined) sections.push(memoryLines(result.memory));
  if (result.fleets !== undefined) sections.push(fleetTable(result.fleets));
  if (result.keepAlives !== undefined) sections.push(keepAliveLine(result.keepAlives));
  if (result.processes !== undefined) sections.push(processLines(result.processes));
  if (result.overload !== undefined) sections.push(overloadTable(result.overload));
  if (result.restart !== undefined) sections.push(restartTable(result.restart));
  if (result.rollout !== undefined) sections.push(rolloutLines(result.rollout));
  if (result.flood !== undefined) sections.push(floodLines(result.flood));
  if (result.aims.length > 0) sections.push(aims(result.aims));
  return `${sections.join('\n\n')}\n`;
}

function header({ machine, sizes, code, raisedLimits, lanes }: BenchResult): string {
  const ciphers = [...new Set((lanes ?? []).map(({ cipher }) => cipher).filter((cipher) => cipher !== ''))];
  const limits = Object.entries(raisedLimits)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
  return [
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, Redis ${machine.redis}; relay ${code}`,
    `append 1 KB and fsync: ${fixed(machine.fsyncMs, 2)} ms; files a process: ${machine.filesLimit}; load before: ${fixed(machine.loadBefore, 1)}${machine.loadBefore > machine.cores / 2 ? ' (NOT IDLE: figures are worth little)' : ''}`,
    `${sizes.doors} doors, ${sizes.inFlight} commands in flight; TLS everywhere, one certificate (RSA 2048)${ciphers.length > 0 ? `, ${ciphers.join(' and ')}` : ''}`,
    `limits raised: ${limits}; doors answer without decrypting, on every lane`,
  ].join('\n');
}

const medianOf = (lane: LaneResult, value: (round: LaneResult['rounds'][number]) => number): number =>
  spreadOf(lane.rounds.map(value)).median;

function laneTable(lanes: readonly LaneResult[], { sizes }: BenchResult): string {
  const raw = lanes.find(({ lane }) => lane.id === 'a');
  const rows = lanes.map((lane) => {
    const cpu = (member: 'relay' | 'redis' | 'doors' | 'load'): string =>
      whole(medianOf(lane, ({ saturated }) => saturated.cpu[member]));
    return [
      lane.lane.id,
      range(spreadOf(ratesOf(lane)), whole),
      raw === undefined ? '-' : fixed(ratiosOf(ratesOf(lane), ratesOf(raw)).median, 2),
      `${fixed(
        medianOf(lane, ({ saturated }) => saturated.p50Ms),
        1,
      )} / ${fixed(
        medianOf(lane, ({ saturated }) => saturated.p99Ms),
        1,
      )}`,
      `${fixed(
        medianOf(lane, ({ moderate }) => moderate.p50Ms),
        1,
      )} / ${fixed(
        medianOf(lane, ({ moderate }) => moderate.p99Ms),
        1,
      )}`,
      `${cpu('relay')} + ${cpu('redis')}`,
      `${cpu('doors')} + ${cpu('load')}`,
      fixed(
        medianOf(lane, ({ saturated }) => saturated.fsyncsPerCommand ?? Number.NaN),
        2,
      ),
    ];
  });
  const head = [
    'lane',
    'commands/s (min to max)',
    'of a',
    'p50 / p99 ms',
    `at ${sizes.moderatePerSecond}/s`,
    'CPU us: relay + Redis',
    'doors + load',
    'fsyncs',
  ];
  const legend = lanes.map(({ lane }) => `${lane.id}: ${lane.title}`);
  return [table([head, ...rows]), ...legend].join('\n');
}

function aims(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ what, value, aim, better, reached }) => [
    what,
    range(value, (figure) => fixed(figure, 2)),
    `${better === 'more' ? 'at least' : 'at most'} ${aim}`,
    reached ? 'reached' : 'NOT reached',
  ]);
  return table([['aims (ratios round by round)', 'median (min to max)', 'aim', ''], ...rows]);
}

function storeTable(costs: readonly StoreCost[]): string {
  const rows = costs.map((cost) => [
    cost.through,
    cost.load,
    fixed(cost.functionCalls, 2),
    fixed(cost.commands, 1),
    cost.fsyncs === undefined ? '-' : fixed(cost.fsyncs, 2),
    cost.writes === undefined ? '-' : fixed(cost.writes, 2),
    whole(cost.appendOnlyBytes),
    fixed(cost.p50Ms, 1),
  ]);
  const head = [
    'per command, through',
    'load',
    'function calls',
    'Redis commands',
    'fsyncs',
    'write calls',
    'bytes appended',
    'p50 ms',
  ];
  const note =
    'fsyncs: calls counted in redis-server itself (preloaded counter; "-" without a C compiler). One by one, each write has an fsync of its own; under load Redis writes what arrived together with one.';
  return [table([head, ...rows]), note].join('\n');
}

function memoryLines(memory: NonNullable<BenchResult['memory']>): string {
  const kib = (bytes: number): string => fixed(bytes / 1024, 1);
  const [few, many] = memory.doors;
  return [
    `Resident memory per TLS door (slope from ${few} to ${many} doors, after garbage collection)`,
    `bare ws+TLS server: ${range(memory.bareBytes, kib)} KiB, of it heap ${kib(memory.bareHeapBytes.median)}; OpenLock: ${range(memory.openlockBytes, kib)} KiB, of it heap ${kib(memory.openlockHeapBytes.median)}`,
    `ratio ${range(memory.ratio, (value) => fixed(value, 2))}`,
    `from no door at all: bare ${kib(memory.bareBytesFromNone.median)} KiB, OpenLock ${kib(memory.openlockBytesFromNone.median)} KiB, ratio ${range(memory.ratioFromNone, (value) => fixed(value, 2))}`,
    `doors connected a second: bare ${whole(memory.bareConnectsPerSecond.median)}, OpenLock ${whole(memory.openlockConnectsPerSecond.median)}`,
  ].join('\n');
}

function fleetTable(fleets: NonNullable<BenchResult['fleets']>): string {
  const rows = fleets.map(({ doors, perSecond, rawPerSecond, ofRaw, relayCpuMicros, rawCpuMicros }) => [
    whole(doors),
    range(perSecond, whole),
    range(rawPerSecond, whole),
    range(ofRaw, (value) => fixed(value, 2)),
    `${whole(relayCpuMicros.median)} / ${whole(rawCpuMicros.median)}`,
  ]);
  return table([
    ['doors connected', 'commands/s (min to max)', 'raw ws with as many', 'of raw', 'relay CPU us, ours / raw'],
    ...rows,
  ]);
}

function keepAliveLine({ doors, openlockMicros, rawMicros }: NonNullable<BenchResult['keepAlives']>): string {
  return `Keep-alive and its answer, ${whole(doors)} doors, relay CPU us a pair: ${range(openlockMicros, whole)}; raw ws ${range(rawMicros, whole)}`;
}

function processLines(processes: NonNullable<BenchResult['processes']>): string {
  const cpu = ({ relay, redis }: { readonly relay: number; readonly redis: number }): string =>
    `${whole(relay)} + ${whole(redis)}`;
  const { projectedOne, projectedTwo } = processes;
  return [
    table([
      ['serve --processes', 'commands/s (min to max)', 'CPU us: relay + Redis', 'projected'],
      ['1', range(processes.onePerSecond, whole), cpu(processes.oneCpu), whole(projectedOne)],
      ['2', range(processes.twoPerSecond, whole), cpu(processes.twoCpu), whole(projectedTwo)],
    ]),
    `measured here, two of one: ${range(processes.ratio, (value) => fixed(value, 2))}; projected ${fixed(projectedTwo / projectedOne, 2)}. Projected: by processor time, a core for each relay process and for Redis, doors and load elsewhere; not measured`,
  ].join('\n');
}

function overloadTable({ doors, capacityPerSecond, steps }: NonNullable<BenchResult['overload']>): string {
  const rows = steps.map((step) => [
    `${step.times} (${whole(step.offeredPerSecond)}/s)`,
    whole(step.goodPerSecond),
    fixed(step.goodPerSecond / capacityPerSecond, 2),
    `${fixed(step.p50Ms, 1)} / ${fixed(step.p99Ms, 1)}`,
    whole(step.refused),
    whole(step.refusedUntold),
    Object.entries({ ...step.otherwise, ...(step.unanswered > 0 && { unanswered: step.unanswered }) })
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
    whole(step.relayCpuMicros),
  ]);
  const head = [
    'offered, of capacity',
    'answered/s',
    'of capacity',
    'p50 / p99 ms',
    'refused (429)',
    'without Retry-After',
    'otherwise',
    'relay CPU us a command offered',
  ];
  return [
    `Overload: ${whole(doors)} doors, capacity ${whole(capacityPerSecond)} a second with a closed load; open load, whatever is answered`,
    table([head, ...rows]),
  ].join('\n');
}

function restartTable({ doors, bareHandshakesMs, returns }: NonNullable<BenchResult['restart']>): string {
  const seconds = (ms: number): string => fixed(ms / 1000, 1);
  const rows = returns.map(({ how, stopMs, startMs, mostBackMs, backMs, resumed, relayCpuMicros }) => [
    how,
    seconds(stopMs),
    seconds(startMs),
    seconds(mostBackMs),
    seconds(backMs),
    whole(resumed),
    whole(relayCpuMicros),
  ]);
  const head = [
    'doors come back',
    'stop s',
    'start s',
    '99 % back s',
    'all back s',
    'sessions resumed',
    'relay CPU us a door',
  ];
  return [
    `Restart with ${whole(doors)} doors; each has an address of its own, the limits of 8.4 are as shipped`,
    table([head, ...rows]),
    `bare TLS handshakes, as many at once: ${seconds(bareHandshakesMs)} s (${whole((doors * 1000) / bareHandshakesMs)} a second)`,
  ].join('\n');
}

function rolloutLines(rollout: NonNullable<BenchResult['rollout']>): string {
  const mib = (bytes: number): string => `${fixed(bytes / 2 ** 20, 1)} MiB`;
  const {
    doors,
    imageBytes,
    commandsPerSecond,
    others,
    updated,
    seconds,
    memory,
    bytesSent,
    bytesIdeal,
    strays,
    processorsBefore,
    processorsDuring,
  } = rollout;
  const rows = [['other doors', others] as const, ['updated doors', updated] as const].flatMap(
    ([to, { before, during, restarting, p50Ratio, p99Ratio }]) =>
      [
        [to, 'before', before, '', ''] as const,
        ['', 'during', during, fixed(p50Ratio, 2), fixed(p99Ratio, 2)] as const,
        ['', 'of it, doors restarting', restarting, '', ''] as const,
      ].map(([name, when, latency, p50, p99]) => [
        name,
        when,
        range(latency.p50Ms, (value) => fixed(value, 1)),
        p50,
        range(latency.p99Ms, (value) => fixed(value, 1)),
        p99,
        String(latency.slices),
        `${whole(latency.completed)} / ${whole(latency.failed)}`,
      ]),
  );
  return [
    `Rollout of ${mib(imageBytes)} to ${whole(doors)} doors: ${fixed(seconds, 1)} s, ${mib(bytesSent / seconds)} a second; ${whole(commandsPerSecond)} commands a second to them, and as many to doors of another board`,
    table([['commands to', '', 'p50 ms', 'ratio', 'p99 ms', 'ratio', 'slices', 'answered / door restarting'], ...rows]),
    `processors in use before -> during: relay ${fixed(processorsBefore.relay, 2)} -> ${fixed(processorsDuring.relay, 2)}, updated doors ${fixed(processorsBefore.updatedDoors, 2)} -> ${fixed(processorsDuring.updatedDoors, 2)}`,
    `relay memory before -> peak: resident ${mib(memory.rssBefore)} -> ${mib(memory.rssPeak)}, buffers ${mib(memory.externalBefore)} -> ${mib(memory.externalPeak)}, heap ${mib(memory.heapBefore)} -> ${mib(memory.heapPeak)}; an image a door would be ${mib(bytesIdeal)}`,
    `image bytes sent ${whole(bytesSent)} of ${whole(bytesIdeal)} (${fixed(bytesSent / bytesIdeal, 3)} of the ideal); blocks no door had asked for: ${whole(strays)}`,
  ].join('\n');
}

function floodLines(flood: NonNullable<BenchResult['flood']>): string {
  const ms = (value: number): string => fixed(value, 1);
  const { frames, opened, refused } = flood.flood;
  return [
    `A website without a grant floods with ${flood.sockets} client sockets, 15 KiB frames full of escapes; another site sends ${flood.commandsPerSecond} commands a second`,
    `p50 quiet ${range(flood.quietMs, ms)} ms, flooded ${range(flood.floodedMs, ms)} ms (p99 ${range(flood.quietP99Ms, ms)} and ${range(flood.floodedP99Ms, ms)} ms), ratio ${range(flood.ratio, (value) => fixed(value, 2))}; commands that failed: ${flood.failed}`,
    `the flood: ${whole(frames)} frames, ${whole(opened)} sockets let in, ${whole(refused)} refused`,
  ].join('\n');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
