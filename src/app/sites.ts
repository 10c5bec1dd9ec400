import type { AuditTrail } from '../audit/trail.js';
import { AccessTokens } from '../sites/access-tokens.js';
import { FleetSecrets } from '../sites/fleet-secrets.js';
import { Mailer } from '../sites/mailer.js';
import { OriginVerifier } from '../sites/origin-verifier.js';
import { SigningKeys } from '../sites/signing-keys.js';
import { SiteService } from '../sites/site-service.js';
import type { SiteStore } from '../store/site-store.js';
import type { Ambient } from './ambient.js';
import type { PublicOrigins } from './public-origins.js';

export interface SitesParts extends Ambient {
  readonly store: SiteStore;
  readonly audit: AuditTrail;
  readonly origins: Pick<PublicOrigins, 'issuers' | 'alsoIssuer'>;
  readonly onMailFailure: () => void;
  /** True while new logins should give way (protocol 8.3). */
  readonly isStoreFull?: () => boolean;
  /** PEM certificates trusted for origin verification besides the public ones. */
  readonly extraSiteCa: readonly string[];
}

export interface SiteRoom {
  readonly sites: SiteService;
  readonly secrets: FleetSecrets;
  readonly tokens: AccessTokens;
}

export async function makeSites(parts: SitesParts): Promise<SiteRoom> {
  const { config, clock, random, origins, onMailFailure: onFailure, onRelease } = parts;
  const { secretsDir, mailUrl, mailFrom, dataDir, allowPrivateSites, siteRate } = config;
  const secrets = await FleetSecrets.load(secretsDir, random);
  const keys = await SigningKeys.load(secretsDir, clock);
  const issuers = (): readonly string[] => origins.issuers;
  const lifetimeSeconds = config.accessTokenSeconds;
  const tokens = new AccessTokens({ ...parts, keys, issuers, alsoIssuer: origins.alsoIssuer, lifetimeSeconds });
  const mailer = new Mailer({ ...parts, mailUrl, mailFrom, dataDir, onFailure });
  onRelease(() => mailer.stop());
  const verifier = new OriginVerifier({ clock, allowPrivateSites, extraCa: parts.extraSiteCa });
  const sites = new SiteService({ ...parts, mailer, verifier, tokens, keys, secrets, allowPrivateSites, siteRate });
  return { sites, secrets, tokens };
}
