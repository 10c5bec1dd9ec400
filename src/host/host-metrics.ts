/**
 * The metrics of all relay processes of a host as one. Series of ours are put together as their metric says (`aggregator`:
 * sums, the highest, the lowest); those of the runtime (`nodejs_…`, `process_…`) are told apart by the label `process`, so
 * that one process that is blocked does not disappear in an average.
 *
 * What a process that ended had counted stays in the sums: a counter that falls is taken for a restart, and everything that
 * is left for new.
 */
import { AggregatorRegistry, type Registry } from 'prom-client';

import type { ProcessMetric } from './messages.js';

const RUNTIME = /^(nodejs|process)_/;
const COUNTING = ['counter', 'histogram'];

export class HostMetrics {
  readonly contentType: string;
  readonly #own: Registry;
  readonly #ownNames: ReadonlySet<string>;
  readonly #ask: () => Promise<void>;
  /** Slot -> what its process said last. */
  readonly #latest = new Map<number, readonly ProcessMetric[]>();
  #ended: readonly ProcessMetric[] = [];

  /**
   * `own`: the parent's registry, of which its runtime and `ownNames` count. `ask`: has every process say its metrics, to
   * {@link say}; who does not answer in time is shown as it was last.
   */
  constructor(own: Registry, ownNames: readonly string[], ask: () => Promise<void>) {
    this.#own = own;
    this.#ownNames = new Set(ownNames);
    this.#ask = ask;
    this.contentType = own.contentType;
  }

  /** What the process in `slot` has counted so far. */
  say(slot: number, metrics: readonly ProcessMetric[]): void {
    this.#latest.set(slot, metrics);
  }

  /** The process in `slot` has ended. */
  end(slot: number): void {
    const last = this.#latest.get(slot) ?? [];
    this.#latest.delete(slot);
    const counted = last.filter(({ name, type }) => COUNTING.includes(type) && !RUNTIME.test(name));
    this.#ended = [...this.#ended, ...counted];
  }

  /** All of them, in Prometheus' text format. */
  async metrics(): Promise<string> {
    await this.#ask();
    // One entry a metric, however many processes have ended.
    this.#ended = await metricsOf(AggregatorRegistry.aggregate([this.#ended]));
    const own = (await metricsOf(this.#own)).filter(({ name }) => RUNTIME.test(name) || this.#ownNames.has(name));
    const all = [...this.#latest].map(([slot, metrics]) => toldApart(metrics, String(slot)));
    return AggregatorRegistry.aggregate([toldApart(own, 'supervisor'), this.#ended, ...all]).metrics();
  }
}

/** What a registry has, to be sent. prom-client declares less than it gives. */
export async function metricsOf(registry: Registry): Promise<readonly ProcessMetric[]> {
  return (await registry.getMetricsAsJSON()) as unknown as readonly ProcessMetric[];
}

function toldApart(metrics: readonly ProcessMetric[], process: string): readonly ProcessMetric[] {
  return metrics.map((metric) => {
    if (!RUNTIME.test(metric.name)) return metric;
    const values = metric.values.map((value) => ({ ...value, labels: { ...value.labels, process } }));
    return { ...metric, aggregator: 'first', values };
  });
}
