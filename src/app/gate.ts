import type { HostMember } from '../host/host-link.js';
import { AddressLimiter, type LimiterPeers } from '../gate/address-limiter.js';
import { ConnectionLimits } from '../gate/connection-limits.js';
import { Gate } from '../gate/gate.js';
import { Overload } from '../gate/overload.js';
import { OperatorSessions } from '../operators/operator-sessions.js';
import type { AccessTokens } from '../sites/access-tokens.js';
import type { SiteService } from '../sites/site-service.js';
import { FailureLimits } from '../store/failure-limits.js';
import type { RedisLink } from '../store/redis-link.js';
import type { Base, Unopened } from './store.js';

/** What is asked of a connection before anything is read from it (protocol 8.4). */
export function makeConnectionLimits(ambient: Unopened): ConnectionLimits {
  const { addressHandshakes, addressConnections, trustProxyHops } = ambient.config;
  const { member } = ambient;
  return new ConnectionLimits({
    ...ambient,
    handshakesPerSecond: addressHandshakes,
    waiting: addressConnections,
    isProxied: trustProxyHops > 0,
    peers: member && {
      handshakes: limiterPeers(member, 'handshakes', addressHandshakes),
      waiting: member.share.held('waiting', addressConnections),
    },
  });
}

/** One process after the other would say that an address was above its limit; the next one hears before its turn comes. */
const PATIENCE_MS = 250;

function limiterPeers({ slot, hashKey, share }: HostMember, name: string, rate: number): LimiterPeers {
  return {
    hashKey,
    taken: share.taken(name, rate),
    sustained: share.taken(`${name} sustained`, 1),
    patienceMs: (slot - 1) * PATIENCE_MS,
  };
}

/** The one way in, for requests, upgrades and frames. */
export function makeGate(base: Base, link: RedisLink, parts: { sites: SiteService; tokens: AccessTokens }) {
  const { config, clock, random, audit, stores, member } = base;
  const failures = new FailureLimits(link, {
    clock,
    onBlocked: (address) => audit.refusal({ kind: 'address_blocked', actor: 'anonymous', code: 'ip_blocked', address }),
  });
  const operators = new OperatorSessions({ ...base, ...parts, store: stores.operators });
  base.metrics.commandShare.set(1);
  const overload = new Overload({
    clock,
    store: stores.batch,
    onShare: (share) => base.metrics.commandShare.set(share),
  });
  overload.start();
  base.onRelease(() => overload.stop());
  const gate = new Gate({
    ...base,
    ...config,
    sites: parts.sites,
    operators,
    doors: stores.records,
    failures,
    overload,
    addressLimiter: new AddressLimiter({
      ...{ clock, random, ratePerSecond: config.addressRate },
      peers: member && limiterPeers(member, 'requests', config.addressRate),
    }),
    peers: member && {
      sites: member.share.held('site sockets', config.siteSockets),
      addresses: member.share.held('address sockets', config.addressSockets),
    },
  });
  return { gate, operators };
}
export type Gates = ReturnType<typeof makeGate>;
