/** The SDK against a test relay, with its CA trusted. */
import { OpenLock, type OpenLockOptions } from '../../src/client/index.js';
import { relayFetch, relayWebSocket } from '../../src/cli/support/relay-client.js';
import type { TestRelay } from './relay.js';
import type { TestSite } from './site.js';

export function sdkFor(relay: TestRelay, site: TestSite, options: Partial<OpenLockOptions> = {}): OpenLock {
  return new OpenLock({
    url: relay.url,
    tokens: { accessToken: site.accessToken, refreshToken: site.refreshToken },
    fetch: relayFetch({ host: '127.0.0.1', port: relay.port, tls: true, ca: [relay.ca] }),
    WebSocket: relayWebSocket([relay.ca]),
    ...options,
  });
}
