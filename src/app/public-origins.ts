import type { Config } from '../config.js';

/** The names a relay is known by. */
export interface PublicOrigins {
  readonly shown: readonly string[];
  /** Issuers of access tokens; the first issues. */
  readonly issuers: readonly string[];
  readonly alsoIssuer: (issuer: string) => boolean;
  /** Origins a door's proof may name (protocol 4.4). */
  readonly audiences: readonly string[];
}

/** Without `OPENLOCK_PUBLIC_URL` the relay is known by its loopback names, so that a first try works with any of them. */
export function publicOrigins(config: Config, port: number): PublicOrigins {
  const urls = config.publicUrls;
  if (urls.length > 0) return { shown: urls, issuers: urls, alsoIssuer: () => false, audiences: urls };
  const schemes = config.tls ? ['https'] : ['https', 'http'];
  const audiences = schemes.flatMap((scheme) =>
    ['localhost', '127.0.0.1', '[::1]'].map((host) => new URL(`${scheme}://${host}:${port}`).origin),
  );
  const shown = [new URL(`https://localhost:${port}`).origin];
  // Relays that share their secrets are one fleet, also where each is known by its own loopback port.
  return { shown, issuers: shown, alsoIssuer: (issuer) => /^https:\/\/localhost(:[0-9]+)?$/.test(issuer), audiences };
}
