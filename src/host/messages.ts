/** What a relay process and the parent that supervises it say to each other. Both are of one version: the parent starts its own. */
import { z } from 'zod';

const countsSchema = z.object({
  keys: z.array(z.union([z.string(), z.number()])).readonly(),
  counts: z.array(z.number()).readonly(),
});
const reportSchema = z.record(z.string(), countsSchema);

/** Why a relay process did not start, or not stop, as the command line tells it. */
const failureSchema = z.looseObject({ code: z.string(), detail: z.string() });
export type ProcessFailure = z.infer<typeof failureSchema>;

/** Where a started relay can be reached, but for the metrics, which are the parent's. */
const urlsSchema = z.object({
  port: z.int(),
  publicOrigins: z.array(z.string()).readonly(),
  caPath: z.string().optional(),
});
export type ProcessUrls = z.infer<typeof urlsSchema>;

/** A metric as prom-client's `getMetricsAsJSON` has it. JSON has no NaN, which a gauge that saw nothing may be. */
const metricSchema = z.object({
  name: z.string(),
  help: z.string(),
  type: z.string(),
  aggregator: z.string(),
  values: z.array(
    z.object({
      value: z
        .number()
        .nullable()
        .transform((value) => value ?? Number.NaN),
      labels: z.record(z.string(), z.union([z.string(), z.number()])),
      metricName: z.string().optional(),
    }),
  ),
});
export type ProcessMetric = z.infer<typeof metricSchema>;

export const fromRelaySchema = z.discriminatedUnion('t', [
  /** It listens to its parent now. */
  z.object({ t: z.literal('hello') }),
  z.object({ t: z.literal('listening'), urls: urlsSchema }),
  z.object({ t: z.literal('failed'), failure: failureSchema }),
  z.object({ t: z.literal('share'), report: reportSchema }),
  z.object({ t: z.literal('metrics'), metrics: z.array(metricSchema).readonly() }),
]);
export type FromRelay = z.infer<typeof fromRelaySchema>;

const beginSchema = z.object({
  t: z.literal('begin'),
  /** From 1; a process that is started again has the place of the one that ended. */
  slot: z.int(),
  /** Processes of this host. */
  count: z.int(),
  /** Name of this process in logs and audit entries. */
  nodeId: z.string(),
  /** Base64url of 8 bytes, for the tags of addresses. */
  hashKey: z.string(),
});
export type Begin = z.infer<typeof beginSchema>;

export const toRelaySchema = z.discriminatedUnion('t', [
  beginSchema,
  z.object({ t: z.literal('stop') }),
  /** What process `from` reported. */
  z.object({ t: z.literal('share'), from: z.int(), report: reportSchema }),
  /** A process listens that has heard nothing yet. */
  z.object({ t: z.literal('joined') }),
  /** Process `slot` has ended. */
  z.object({ t: z.literal('left'), slot: z.int() }),
  z.object({ t: z.literal('metrics') }),
]);
export type ToRelay = z.infer<typeof toRelaySchema>;
