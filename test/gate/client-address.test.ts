import { expect } from 'chai';
import fc from 'fast-check';

import { addressKey } from '../../src/addresses.js';
import { addressOf } from '../../src/gate/client-address.js';

const from = (remoteAddress: string | undefined, forwarded?: string) => ({
  socket: { remoteAddress },
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
});

describe('addressOf', () => {
  it('is the peer without proxies, whatever X-Forwarded-For says', () => {
    expect(addressOf(from('192.0.2.1', '203.0.113.9'), 0)).to.equal('192.0.2.1');
  });

  it('takes the entry the outermost trusted proxy wrote, counted from the right', () => {
    expect(addressOf(from('10.0.0.1', 'rubbish, 203.0.113.9'), 1)).to.equal('203.0.113.9');
    expect(addressOf(from('10.0.0.1', '198.51.100.7, 203.0.113.9, 10.0.0.2'), 2)).to.equal('203.0.113.9');
  });

  it('takes what there is when a request skipped the outer proxies', () => {
    expect(addressOf(from('10.0.0.1', '203.0.113.9'), 3)).to.equal('203.0.113.9');
    expect(addressOf(from('10.0.0.1'), 3)).to.equal('10.0.0.1');
  });

  it('falls back to an entry further right, then to the peer, when one is not an address', () => {
    expect(addressOf(from('10.0.0.1', 'unknown, 10.0.0.2'), 2)).to.equal('10.0.0.2');
    expect(addressOf(from('10.0.0.1', '203.0.113.9, nonsense'), 1)).to.equal('10.0.0.1');
  });

  it('reads ports, brackets, zones and IPv4-mapped addresses', () => {
    expect(addressOf(from('10.0.0.1', '203.0.113.9:4711'), 1)).to.equal('203.0.113.9');
    expect(addressOf(from('10.0.0.1', '[2001:DB8::1]:4711'), 1)).to.equal('2001:db8::1');
    expect(addressOf(from('::ffff:192.0.2.1'), 0)).to.equal('192.0.2.1');
    expect(addressOf(from('fe80::1%eth0'), 0)).to.equal('fe80::1');
    expect(addressOf(from(undefined), 0)).to.equal('unknown');
  });

  it('never lets a client choose its address by anything left of what the proxies wrote', () => {
    fc.assert(
      fc.property(fc.string(), (prefix) => {
        expect(addressOf(from('10.0.0.1', `${prefix},203.0.113.9`), 1)).to.equal('203.0.113.9');
      }),
    );
  });
});

describe('addressKey', () => {
  it('is an IPv4 address itself and an IPv6 address by its /64', () => {
    expect(addressKey('192.0.2.1')).to.equal('192.0.2.1');
    expect(addressKey('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(addressKey('2001:db8:1:2::9')).to.equal('2001:db8:1:2::/64');
    expect(addressKey('2001:db8:1:3::9')).to.not.equal('2001:db8:1:2::/64');
  });

  it('takes an IPv4-mapped address for the IPv4 address it is', () => {
    expect(addressKey('::ffff:192.0.2.1')).to.equal('192.0.2.1');
  });

  it('gives one key for all that is not an address', () => {
    expect(addressKey('a:b')).to.equal('unknown');
  });
});
