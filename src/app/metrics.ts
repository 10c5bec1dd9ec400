/** Where the metrics are told: on a listener of their own, or by the parent of several processes. */
import type { HostMember } from '../host/host-link.js';
import { metricsOf } from '../host/host-metrics.js';
import { createMetricsListener, type MetricsSource } from '../http/metrics-listener.js';
import type { Ambient } from './ambient.js';
import type { Unopened } from './store.js';

/** The metrics of one process of a host, for its parent. */
export function giveMetrics(member: HostMember, { metrics, log }: Pick<Unopened, 'metrics' | 'log'>): MetricsAddress {
  member.onMetricsAsked(async () => {
    try {
      return await metricsOf(metrics.registry);
    } catch (error) {
      log.error({ err: error }, 'metrics could not be collected');
      return undefined;
    }
  });
  return NO_METRICS;
}

interface MetricsAddress {
  readonly metricsPort: number | undefined;
  readonly metricsUrl: string | undefined;
}
const NO_METRICS: MetricsAddress = { metricsPort: undefined, metricsUrl: undefined };

/** Starts the listener of the metrics, where one is wanted; the parent of the processes of a host has it for all of them. */
export async function startMetrics(
  { config, log, onRelease }: Ambient,
  source: MetricsSource,
): Promise<MetricsAddress> {
  if (config.metricsPort === undefined) return NO_METRICS;
  const listener = createMetricsListener(source, log);
  const metricsPort = await listener.start(config.metricsPort, config.metricsHost);
  onRelease(() => listener.stop());
  return { metricsPort, metricsUrl: `http://${atAddress(config.metricsHost)}:${metricsPort}/metrics` };
}

/** An address as it stands in a URL; one that stands for all is asked by loopback. */
function atAddress(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
