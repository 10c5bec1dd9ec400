/** Where a request comes from, as far as this relay may believe it (protocol 8.1, 11.1 `OPENLOCK_TRUST_PROXY`). */
import type { IncomingHttpHeaders } from 'node:http';

import { readAddress } from '../addresses.js';

/** The part of an incoming request that is read here; the upgrade handler has the same. */
export interface AddressedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/**
 * The client's IP address as text. `hops` is the number of reverse proxies in front, each of which appends the address it
 * saw to `X-Forwarded-For`: the entry that many places from the right was written by the outermost of them, everything
 * left of it by the client. 0 ignores the header. A missing or unreadable entry falls back to the nearest one a proxy of
 * ours wrote, so that a client cannot choose its address by sending rubbish.
 */
export function addressOf(request: AddressedRequest, hops: number): string {
  const peer = readAddress(request.socket.remoteAddress ?? '') ?? 'unknown';
  if (hops === 0) return peer;
  const header = request.headers['x-forwarded-for'];
  const entries = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').slice(-hops);
  for (const entry of entries) {
    const address = readAddress(withoutPort(entry.trim()));
    if (address !== undefined) return address;
  }
  return peer;
}

/** Some proxies write `203.0.113.9:4711` or `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const match = /^\[([^\]]+)\](?::\d{1,5})?$|^([\d.]+):\d{1,5}$/.exec(entry);
  return match?.[1] ?? match?.[2] ?? entry;
}
