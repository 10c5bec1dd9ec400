/** What a website without a grant can do to another one's commands by flooding its sockets (protocol 8.4). */
import { systemClock } from '../../../src/clock.js';
import { SiteStore } from '../../../src/store/site-store.js';
import { RedisLink } from '../../../src/store/redis-link.js';
import { connectFleet, openLane, startChild, startOpenLock, type Crew } from '../crew.js';
import type { LoadResult } from '../load/closed-loop.js';
import type { FloodCount, Flooders } from '../programs/flooders.js';
import type { Sizes } from '../sizes.js';
import { SITE } from '../stage.js';
import { ratiosOf, spreadOf, type Spread } from '../stats.js';
import { furnish } from '../store-setup.js';

export interface FloodResult {
  readonly sockets: number;
  readonly commandsPerSecond: number;
  /** p50 of the honest site's commands, turn by turn. */
  readonly quietMs: Spread;
  readonly floodedMs: Spread;
  readonly quietP99Ms: Spread;
  readonly floodedP99Ms: Spread;
  /** Of the p50s, flooded to quiet, turn by turn: they alternate, so that whatever disturbs the machine disturbs both. */
  readonly ratio: Spread;
  readonly failed: number;
  readonly flood: FloodCount;
}

const NAME = 'flood';
const STRANGER = { ...SITE, siteId: 'bench-stranger', sessionId: 'bench-stranger-session' } as const;
/** As by default (protocol 8.1, 8.4): the flood comes from another address than the honest load, which stays below them. */
const LIMITS = {
  OPENLOCK_ADDRESS_RATE: '50',
  OPENLOCK_ADDRESS_HANDSHAKES: '100',
  OPENLOCK_ADDRESS_CONNECTIONS: '256',
} as const;

export async function measureFlood(crew: Crew, sizes: Sizes): Promise<FloodResult> {
  const { stage, doors, load } = crew;
  const mark = stage.mark;
  const { sockets, perSecond, turnMs, turns } = sizes.flood;
  const redis = await stage.redis('redis-flood', 'always');
  await furnish(redis.url, { prefix: NAME, first: 0, count: sizes.doors }, stage.doorKey);
  await openStrangersSession(redis.url);
  const relay = await startOpenLock(stage, NAME, redis, { environment: LIMITS });
  await connectFleet(stage, doors[0], relay, { fleet: NAME, prefix: NAME, count: sizes.doors, connecting: 1 });
  await openLane(crew, relay, {
    lane: NAME,
    wire: 'ws',
    prefix: NAME,
    doors: sizes.doors,
    connections: 1,
    fresh: true,
  });
  const turn = async (): Promise<LoadResult> => {
    await load.call('prepare', { lane: NAME, count: Math.ceil((perSecond * turnMs) / 1000) + perSecond });
    return load.call('openLoop', { lane: NAME, load: { perSecond, measureMs: turnMs } });
  };
  await turn(); // warms up
  const quiet: LoadResult[] = [];
  const flooded: LoadResult[] = [];
  const floods: FloodCount[] = [];
  const flooders = startChild<Flooders>(stage, 'flooders');
  const attack = { port: relay.port, ca: stage.certificate.ca, token: stage.tokenOf(STRANGER), sockets };
  while (flooded.length < turns) {
    quiet.push(await turn());
    await flooders.call('start', attack);
    flooded.push(await turn());
    floods.push(await flooders.call('stop', {}));
  }
  await stage.release(mark);
  const p50s = (results: readonly LoadResult[]): readonly number[] => results.map(({ p50Ms }) => p50Ms);
  const sum = (member: keyof FloodCount): number => floods.reduce((all, flood) => all + flood[member], 0);
  return {
    sockets,
    commandsPerSecond: perSecond,
    quietMs: spreadOf(p50s(quiet)),
    floodedMs: spreadOf(p50s(flooded)),
    quietP99Ms: spreadOf(quiet.map(({ p99Ms }) => p99Ms)),
    floodedP99Ms: spreadOf(flooded.map(({ p99Ms }) => p99Ms)),
    ratio: ratiosOf(p50s(flooded), p50s(quiet)),
    failed: [...quiet, ...flooded].reduce((all, { failed }) => all + failed, 0),
    flood: { frames: sum('frames'), opened: sum('opened'), refused: sum('refused') },
  };
}

async function openStrangersSession(redisUrl: string): Promise<void> {
  const link = await RedisLink.open({
    clock: systemClock,
    url: redisUrl,
    clientName: 'bench',
    commandTimeoutMs: 10_000,
  });
  const auditEntry = JSON.stringify({ at: 0, node: 'bench', kind: 'token_issued', actor: STRANGER.siteId });
  await new SiteStore(link).openSession({
    ...STRANGER,
    verifiedAt: Date.now(),
    refreshHash: undefined,
    lifeMs: 86_400_000,
    auditEntry,
  });
  await link.close();
}
