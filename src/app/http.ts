import type { HostMember } from '../host/host-link.js';
import { metricsOf } from '../host/host-metrics.js';
import { CertificateKeeper } from '../http/certificate-keeper.js';
import { createMetricsListener, type MetricsSource } from '../http/metrics-listener.js';
import { HttpApi } from '../http/server.js';
import { FleetSecrets } from '../sites/fleet-secrets.js';
import type { SiteService } from '../sites/site-service.js';
import type { Ambient } from './ambient.js';
import type { Commands } from './commands.js';
import type { Doors } from './doors.js';
import type { Gates } from './gate.js';
import type { PublicOrigins } from './public-origins.js';
import type { Base, Unopened } from './store.js';

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

/** The certificates the relay serves with, renewed while it runs (protocol 11.1); `undefined` behind a proxy. */
export async function keepCertificates({
  config,
  clock,
  random,
  log,
  metrics,
  member,
}: Unopened): Promise<CertificateKeeper | undefined> {
  if (!config.tls) return undefined;
  const onExpiry = (at: number): void => metrics.certificateExpiry.set(at / 1000);
  const ticketSecret = await FleetSecrets.load(config.secretsDir, random);
  // Of the processes of a host one renews what comes of age; the others find it on disk within a minute.
  const renews = (member?.slot ?? 1) === 1;
  return CertificateKeeper.load({ ...config, renews }, { clock, log, onExpiry, ticketSecret });
}

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
