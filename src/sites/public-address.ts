import ipaddr from 'ipaddr.js';

const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
/** Well-known NAT64 prefix (RFC 6052): on a network with DNS64 a public IPv4 site has such an address. */
const NAT64 = ipaddr.IPv6.parse('64:ff9b::');

/**
 * True for an address on the public internet (protocol 3.2). IPv4 inside IPv6 (mapped, NAT64) is judged by the IPv4 address;
 * tunnels that carry one elsewhere (6to4, Teredo, local NAT64) and everything reserved are not public. Text that is no
 * address is not either.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = unwrap(ipaddr.parse(text));
  if (address.kind() === 'ipv6' && !(address as ipaddr.IPv6).match(GLOBAL_UNICAST, 3)) return false;
  return address.range() === 'unicast';
}

function unwrap(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address.kind() === 'ipv4') return address;
  const v6 = address as ipaddr.IPv6;
  if (v6.isIPv4MappedAddress()) return v6.toIPv4Address();
  if (v6.match(NAT64, 96)) return ipaddr.fromByteArray(v6.toByteArray().slice(12));
  return v6;
}
