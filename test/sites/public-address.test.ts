import { expect } from 'chai';
import fc from 'fast-check';

import { isPublicAddress } from '../../src/sites/public-address.js';

const PRIVATE_V4 = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
];
const PUBLIC_V4 = [
  '1.1.1.1',
  '8.8.8.8',
  '93.184.216.34',
  '100.63.255.255',
  '172.32.0.1',
  '169.253.0.1',
  '223.255.255.255',
];
const PRIVATE_V6 = [
  '::',
  '::1',
  '::127.0.0.1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fec0::1',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '100::1',
  '2001::1',
  '2001:0:7f00:1::',
  '2001:db8::1',
  '2001:10::1',
  '2001:20::1',
  '2002:7f00:1::',
  '2002:a00:1::1',
  '2002:808:808::1',
  '3fff::1',
  '5f00::1',
  '64:ff9b:1::808:808',
  '::ffff:0:127.0.0.1',
  '4000::1',
  '8000::1',
];
const PUBLIC_V6 = ['2606:4700:4700::1111', '2a00:1450:4001:800::200e', '2620:fe::fe'];

describe('public addresses (protocol 3.2)', () => {
  for (const address of [...PRIVATE_V4, ...PRIVATE_V6])
    it(`does not count ${address} in`, () => expect(isPublicAddress(address)).to.equal(false));
  for (const address of [...PUBLIC_V4, ...PUBLIC_V6])
    it(`counts ${address} in`, () => expect(isPublicAddress(address)).to.equal(true));

  for (const wrap of ['::ffff:', '64:ff9b::']) {
    it(`judges an IPv4 address inside ${wrap} by itself`, () => {
      for (const address of PRIVATE_V4) expect(isPublicAddress(wrap + address), wrap + address).to.equal(false);
      for (const address of PUBLIC_V4) expect(isPublicAddress(wrap + address), wrap + address).to.equal(true);
    });
  }

  it('judges every IPv4 address alike in all its spellings', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
        const expected = isPublicAddress(address);
        const hex = number.toString(16).padStart(8, '0');
        for (const spelling of [String(number), `0x${hex}`, `0${number.toString(8)}`])
          expect(isPublicAddress(new URL(`http://${spelling}`).hostname), spelling).to.equal(expected);
        expect(isPublicAddress(`::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`)).to.equal(expected);
      }),
    );
  });

  it('does not count in what is no address', () => {
    fc.assert(fc.property(fc.domain(), (text) => !isPublicAddress(text)));
    for (const text of ['', ' ', 'localhost', '[::1]', '1.1.1.1:80', '1.1.1.1/8'])
      expect(isPublicAddress(text), text).to.equal(false);
  });
});
