import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  channels,
  doorKeys,
  DOOR_SHARDS,
  firmwareKeys,
  fleetKeys,
  nodeKeys,
  operatorKeys,
  shardKeys,
  shardOf,
  siteKeys,
} from '../../src/store/keys.js';

const README = readFileSync(new URL('../../redis/README.md', import.meta.url), 'utf8');

/** Builders whose parameter is not called what its name in the table is. */
const PARAMETERS: Readonly<Record<string, string>> = {
  commands: '<minute>',
  receipts: '<slice>',
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

function withShard(keys: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const own = `{d:${shardOf('<doorId>')}}`;
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, key.replace(own, '{d:<shard>}')]));
}

/** Every name keys.ts can build, with placeholders for its parameters. */
function patterns(): readonly string[] {
  const groups: readonly Readonly<Record<string, unknown>>[] = [
    // The shard of this placeholder is any other's placeholder.
    withShard(doorKeys('<doorId>')),
    shardKeys('<shard>'),
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

describe('the shards of doors', () => {
  it('are where every version has to look for a door: these never change', () => {
    expect(DOOR_SHARDS).to.equal(64);
    const shards = ['front-door', 'back-door', 'd00', 'A_-9'].map(shardOf);
    expect(shards).to.deep.equal(['039', '001', '043', '047']);
  });

  it('share doors out evenly', () => {
    const doors = Array.from({ length: 64_000 }, (_, index) => shardOf(`door-${index}`));
    const sizes = new Map<string, number>();
    for (const shard of doors) sizes.set(shard, (sizes.get(shard) ?? 0) + 1);
    expect(sizes.size).to.equal(64);
    for (const [shard, size] of sizes) expect(size, shard).to.be.within(700, 1300);
  });
});
