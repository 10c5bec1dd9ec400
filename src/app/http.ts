import { createMetricsListener } from '../http/metrics-listener.js';
import { HttpApi } from '../http/server.js';
import type { SiteService } from '../sites/site-service.js';
import type { RelayAmbient } from './ambient.js';
import type { Commands } from './commands.js';
import type { Doors } from './doors.js';
import type { Gates } from './gate.js';
import type { PublicOrigins } from './public-origins.js';
import type { Base } from './store.js';

interface HttpParts extends Gates, Pick<Doors, 'doors'>, Pick<Commands, 'commands'> {
  readonly sites: SiteService;
  readonly origins: PublicOrigins;
  readonly readiness: () => Promise<boolean>;
}

export function makeHttp(base: Base, parts: HttpParts): HttpApi {
  const { allowPrivateSites, tls } = base.config;
  const publicOrigins = parts.origins.shown;
  return new HttpApi({ ...base, ...parts, allowPrivateSites, tls, publicOrigins });
}

/** Starts the listener of the metrics, where one is wanted; returns its port. */
export async function startMetrics({ config, metrics, log, onRelease }: RelayAmbient): Promise<number | undefined> {
  if (config.metricsPort === undefined) return undefined;
  const listener = createMetricsListener(metrics.registry, log);
  const port = await listener.start(config.metricsPort);
  onRelease(() => listener.stop());
  return port;
}
