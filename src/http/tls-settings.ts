/** How TLS is spoken, wherever the relay speaks it: 1.3, and 1.2 with forward secrecy and authenticated ciphers only. */
import { createSecureContext, type SecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';

import type { TlsMaterial } from './certificates.js';
import { TICKET_PERIOD_MS } from './ticket-keys.js';

/** No RSA key exchange, which a stolen key would open afterwards, and no CBC. */
export const TLS_SETTINGS: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  // Node makes it of the process's arguments otherwise: no relay would resume what another began.
  sessionIdContext: 'openlock',
  // Seconds. As long as the key of the tickets lives: a door comes back hours after it connected.
  sessionTimeout: TICKET_PERIOD_MS / 1000,
};

/** The certificates by the name a client asks for. */
export function contextsByName({ byName, key }: TlsMaterial, ticketKeys?: Buffer): ReadonlyMap<string, SecureContext> {
  return new Map(
    [...byName].map(([name, cert]) => [name, createSecureContext({ ...TLS_SETTINGS, cert, key, ticketKeys })]),
  );
}

/** Node's callback for a client that names a host; an unknown one gets the server's own context. */
export function chooseByName(contexts: () => ReadonlyMap<string, SecureContext>): TlsOptions['SNICallback'] {
  return (name, done) => done(null, contexts().get(name.toLowerCase()));
}
