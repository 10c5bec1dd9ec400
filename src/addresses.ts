/** IP addresses as text: one spelling for one address, and what counts as one. */
import { isIPv4, isIPv6 } from 'node:net';

import ipaddr from 'ipaddr.js';

/** One spelling for one address: IPv4-mapped IPv6 as IPv4, IPv6 as RFC 5952 without a zone. */
export function readAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return undefined;
  const parsed = ipaddr.IPv6.parse(text.replace(/%.*$/s, ''));
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toString();
}

/** The network of an address, as `192.0.2.0/24`; a whole IPv4 address without its `/32`. What is no address is `unknown`. */
export function networkOf(address: string, bits: { readonly ipv4: number; readonly ipv6: number }): string {
  const text = readAddress(address);
  if (text === undefined) return 'unknown';
  if (text.includes(':'))
    return `${ipaddr.IPv6.networkAddressFromCIDR(`${text}/${bits.ipv6}`).toString()}/${bits.ipv6}`;
  return bits.ipv4 === 32
    ? text
    : `${ipaddr.IPv4.networkAddressFromCIDR(`${text}/${bits.ipv4}`).toString()}/${bits.ipv4}`;
}

/** What limits count by: an IPv4 address itself, an IPv6 address by its /64 (a subscriber has at least that many). */
export function addressKey(address: string): string {
  // The common case, on every request: no need to take it apart.
  return isIPv4(address) ? address : networkOf(address, { ipv4: 32, ipv6: 64 });
}
