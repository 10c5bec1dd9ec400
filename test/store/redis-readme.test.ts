import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { channels, doorKeys, firmwareKeys, fleetKeys, nodeKeys, operatorKeys, siteKeys } from '../../src/store/keys.js';

const README = readFileSync(new URL('../../redis/README.md', import.meta.url), 'utf8');

/** Builders whose parameter is not called what its name in the table is. */
const PARAMETERS: Readonly<Record<string, string>> = {
  cooldown: '<siteId>',
  command: '<commandId>',
  jwe: '<commandId>',
  receipt: '<commandId>',
  session: '<sessionId>',
  successor: '<sessionId>',
  auditFold: '<minute>',
  kidDoors: '<kid>',
  login: '<loginId>',
  loginsOfAddress: '<network>',
  loginsOfNetwork: '<network>',
  loginMails: '<hash>',
  loginNetworkMails: '<hash>',
  wrongCodes: '<hash>',
  siteByIdentity: '<hash>',
  originSites: '<origin>',
  node: '<nodeId>',
  door: '<doorId>',
  image: '<sha256>',
  upload: '<uploadId>',
  failed: '<sha256>',
  rollout: '<rolloutId>',
  rolloutDoors: '<rolloutId>',
};

/** Every name keys.ts can build, with placeholders for its parameters. */
function patterns(): readonly string[] {
  const groups: readonly Readonly<Record<string, unknown>>[] = [
    doorKeys('<doorId>'),
    siteKeys('<siteId>'),
    operatorKeys,
    nodeKeys('<nodeId>'),
    firmwareKeys,
    fleetKeys,
    channels,
  ];
  return groups.flatMap((group) =>
    Object.entries(group).map(([name, builder]) => {
      if (typeof builder === 'string') return name === 'failures' ? `${builder}:<network>` : builder;
      expect(PARAMETERS, 'a new builder needs its placeholder here').to.have.property(name);
      return (builder as (parameter: string) => string)(PARAMETERS[name] ?? '');
    }),
  );
}

describe('redis/README.md', () => {
  const rows = [...README.matchAll(/^\| `(ol:[^`]*)` \|(.*)\|$/gm)];

  it('has every key and channel of src/store/keys.ts, and no others', () => {
    expect(rows.map((row) => row[1])).to.have.members([...patterns()]);
  });

  it('says type, TTL, writer and content of each', () => {
    for (const [, name, rest] of rows) {
      const cells = (rest ?? '')
        .replaceAll('\\|', '')
        .split('|')
        .map((cell) => cell.trim());
      expect(
        cells.every((cell) => cell !== ''),
        name,
      ).to.equal(true);
      expect(cells.length, name).to.be.oneOf([2, 4]);
    }
  });
});
