/**
 * What strangers may cost before they have asked for anything (protocol 8.4): TLS handshakes a second, and connections that
 * have sent no request yet, for each address and in all. Decided on the bare TCP connection, before the handshake.
 */
import type { Clock, Random } from '../clock.js';
import { AddressLimiter, type LimiterPeers } from './address-limiter.js';
import { addressKey } from '../addresses.js';
import { Places, type SharedPlaces } from './places.js';

export interface ConnectionLimitsOptions {
  /** Handshakes a second and address; as many at once (`OPENLOCK_ADDRESS_HANDSHAKES`). */
  readonly handshakesPerSecond: number;
  /** Connections of an address without a request (`OPENLOCK_ADDRESS_CONNECTIONS`). */
  readonly waiting: number;
  /** The peer is a proxy of ours (`OPENLOCK_TRUST_PROXY`): it speaks for many, and is counted in all only. */
  readonly isProxied: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** What an address takes in other processes of this host counts with it; what is bounded in all is one processor's, and each has its own. */
  readonly peers?: { readonly handshakes: LimiterPeers; readonly waiting: SharedPlaces } | undefined;
  readonly metrics: { readonly connectionsRefused: { inc(labels: { limit: ConnectionLimit }): void } };
}

export type ConnectionLimit = 'address_handshakes' | 'address_waiting' | 'all_handshakes' | 'all_waiting';

/** In all, as many as so many addresses may: enough for a fleet that comes back, and one processor's work at the most. */
const ADDRESSES_IN_ALL = 16;
const ALL = 'all';

export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions;
  readonly #handshakes: AddressLimiter;
  readonly #allHandshakes: AddressLimiter;
  readonly #waiting: Places;
  readonly #allWaiting: Places;

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options;
    const { handshakesPerSecond, waiting, clock, random, peers } = options;
    this.#handshakes = new AddressLimiter({
      ...{ clock, random, peers: peers?.handshakes },
      ratePerSecond: handshakesPerSecond,
    });
    this.#allHandshakes = new AddressLimiter({
      ...{ clock, random, slots: 4 },
      ratePerSecond: handshakesPerSecond * ADDRESSES_IN_ALL,
    });
    this.#waiting = new Places(waiting, peers?.waiting);
    this.#allWaiting = new Places(waiting * ADDRESSES_IN_ALL);
  }

  /**
   * A connection from `address` was accepted; `undefined`: it must be ended at once. The result is to be called when it has
   * sent its first request, or is closed. What one address is refused takes nothing from all others.
   */
  enter(address: string, isTls: boolean): (() => void) | undefined {
    const { isProxied } = this.#options;
    const freeAddress = isProxied ? nothing : this.#waiting.take(addressKey(address));
    if (freeAddress === undefined) return this.#refuse('address_waiting');
    const limit = isTls ? this.#handshakeLimit(address) : undefined;
    const freeAll = limit === undefined ? this.#allWaiting.take(ALL) : undefined;
    if (freeAll === undefined) {
      freeAddress();
      return this.#refuse(limit ?? 'all_waiting');
    }
    return () => {
      freeAddress();
      freeAll();
    };
  }

  #handshakeLimit(address: string): ConnectionLimit | undefined {
    if (!this.#options.isProxied && !this.#handshakes.take(address).allowed) return 'address_handshakes';
    return this.#allHandshakes.take(ALL).allowed ? undefined : 'all_handshakes';
  }

  #refuse(limit: ConnectionLimit): undefined {
    this.#options.metrics.connectionsRefused.inc({ limit });
    return undefined;
  }
}

const nothing = (): void => undefined;
