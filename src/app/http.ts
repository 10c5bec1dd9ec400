import { createMetricsListener } from '../http/metrics-listener.js';
import { HttpApi } from '../http/server.js';
import type { SiteService } from '../sites/site-service.js';
import type { Commands } from './commands.js';
import type { Doors } from './doors.js';
import type { Gate } from './gate.js';
import type { PublicOrigins } from './public-origins.js';
import type { Base } from './store.js';

interface HttpParts extends Gate, Pick<Doors, 'doors'>, Pick<Commands, 'commands'> {
  readonly sites: SiteService;
  readonly origins: PublicOrigins;
  readonly readiness: () => Promise<boolean>;
}

export function makeHttp(base: Base, parts: HttpParts): HttpApi {
  const { trustProxyHops, allowPrivateSites, tls } = base.config;
  return new HttpApi({ ...base, ...parts, trustProxyHops, allowPrivateSites, tls, publicOrigins: parts.origins.shown });
}

/** Starts the listener of the metrics, where one is wanted; returns its port. */
export async function startMetrics({ config, metrics, log, onRelease }: Base): Promise<number | undefined> {
  if (config.metricsPort === undefined) return undefined;
  const listener = createMetricsListener(metrics.registry, log);
  const port = await listener.start(config.metricsPort);
  onRelease(() => listener.stop());
  return port;
}
