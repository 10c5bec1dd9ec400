import { CertificateKeeper } from '../http/certificate-keeper.js';
import { HttpApi } from '../http/server.js';
import { FleetSecrets } from '../sites/fleet-secrets.js';
import type { SiteService } from '../sites/site-service.js';
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
