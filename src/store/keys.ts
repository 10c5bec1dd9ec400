/**
 * Every Redis key and channel, built here and nowhere else. Doors are spread over shards: all keys of the doors of one shard have
 * the hash tag `{d:<shard>}`, so that one Redis function may change many doors at once, also in a Cluster; all of one site have
 * `{site:<id>}`. The parts the functions put names together from reach Lua through lua-constants.ts. `redis/README.md` lists type,
 * TTL and owner of each.
 */

/** Shards doors are spread over; changing it would lose every door. */
export const DOOR_SHARDS = 64;

/** The shard of a door, three digits: FNV-1a, 32 bit, over the characters of its id. */
export function shardOf(doorId: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < doorId.length; index += 1) hash = Math.imul(hash ^ doorId.charCodeAt(index), 0x01000193);
  return String((hash >>> 0) % DOOR_SHARDS).padStart(3, '0');
}

/** What the keys of a shard begin with. All are of one length: the functions cut it off a door's base. */
export const shardTag = (shard: string): string => `ol:{d:${shard}}`;

/** What follows the tag of a shard, the base of a door, the tag of a site. */
export const KEY_PARTS = {
  door: ':door:',
  commands: ':commands:',
  receipts: ':receipts:',
  record: ':record',
  state: ':state',
  nonces: ':nonces',
  audit: ':audit',
  auditTraffic: ':audit-traffic',
  auditFold: ':audit-fold',
  session: ':session:',
  bucket: ':bucket',
} as const;

/** What fields of a door's record begin with: of a grant and of refusals, then the site follows; of the audit entry of a submission, then the command. */
export const RECORD_FIELDS = { grant: 'g:', cooldown: 'c:', entry: 'e:' } as const;

/** What all keys of a door begin with, behind the tag of its shard; the functions put the names together themselves. */
export const doorBase = (doorId: string): string => `${shardTag(shardOf(doorId))}${KEY_PARTS.door}${doorId}`;

export const doorKeys = (doorId: string) => {
  const base = doorBase(doorId);
  return {
    record: `${base}${KEY_PARTS.record}`,
    state: `${base}${KEY_PARTS.state}`,
    /** Challenges that were used. */
    nonces: `${base}${KEY_PARTS.nonces}`,
    /** What happened. */
    audit: `${base}${KEY_PARTS.audit}`,
    /** What came and went: refusals, folded, and sockets and events. */
    auditTraffic: `${base}${KEY_PARTS.auditTraffic}`,
    /** Refusals of this minute. */
    auditFold: `${base}${KEY_PARTS.auditFold}`,
  } as const;
};

/** What the doors of a shard have in common. */
export const shardKeys = (shard: string) => {
  const tag = shardTag(shard);
  return {
    /** Commands by the minute of their `iat`: id -> state. */
    commands: (minute: number | string) => `${tag}${KEY_PARTS.commands}${minute}`,
    /** Receipts by the 30 seconds in which they came: id -> receipt. */
    receipts: (slice: number | string) => `${tag}${KEY_PARTS.receipts}${slice}`,
  } as const;
};

/** What all keys of a site begin with. */
export const siteTag = (siteId: string): string => `ol:{site:${siteId}}`;

export const siteKeys = (siteId: string) => {
  const tag = siteTag(siteId);
  return {
    record: `${tag}${KEY_PARTS.record}`,
    doors: `${tag}:doors`,
    bucket: `${tag}${KEY_PARTS.bucket}`,
    audit: `${tag}${KEY_PARTS.audit}`,
    auditTraffic: `${tag}${KEY_PARTS.auditTraffic}`,
    sessions: `${tag}:sessions`,
    session: (sessionId: string) => `${tag}${KEY_PARTS.session}${sessionId}`,
    successor: (sessionId: string) => `${tag}:successor:${sessionId}`,
  } as const;
};

/** Of the machine's own operator (protocol 11.2). */
export const operatorKeys = {
  session: (sessionId: string) => `ol:{operator}:session:${sessionId}`,
  audit: 'ol:{operator}:audit',
} as const;

export const nodeKeys = (nodeId: string) =>
  ({ doors: `ol:{node:${nodeId}}:doors`, sweep: `ol:{node:${nodeId}}:sweep` }) as const;

/** Releases and rollouts (protocol 12) share one hash tag: a step of one door changes its rollout's counts with it. */
export const firmwareKeys = {
  /** Public keys releases may be signed by: kid -> JSON. */
  trust: 'ol:{firmware}:trust',
  /** Releases: sha256 of the image -> JSON. */
  releases: 'ol:{firmware}:releases',
  /** Bytes of an image. */
  image: (sha256: string) => `ol:{firmware}:image:${sha256}`,
  /** An image on its way in. */
  upload: (uploadId: string) => `ol:{firmware}:upload:${uploadId}`,
  /** Doors on which a release failed: door id -> JSON. */
  failed: (sha256: string) => `ol:{firmware}:failed:${sha256}`,
  /** All rollouts, scored by their start. */
  rollouts: 'ol:{firmware}:rollouts',
  /** Rollouts that want a driver. */
  live: 'ol:{firmware}:live',
  /** Updates in flight: door id -> rollout id. */
  inFlight: 'ol:{firmware}:in-flight',
  rollout: (rolloutId: string) => `ol:{firmware}:rollout:${rolloutId}`,
  rolloutDoors: (rolloutId: string) => `ol:{firmware}:rollout-doors:${rolloutId}`,
  audit: 'ol:{firmware}:audit',
  auditTraffic: 'ol:{firmware}:audit-traffic',
} as const;

export const fleetKeys = {
  /** Index of all door ids; a door's record is the truth. */
  doors: 'ol:door-ids',
  /** Index of all site ids. */
  sites: 'ol:sites',
  /** Relays with a lease: node id scored by the lease's end (Unix ms). */
  relays: 'ol:relays',
  /** Which layout of keys this store has. */
  layout: 'ol:layout',
  /** Held by whoever moves the store to this layout. */
  layoutLock: 'ol:layout-lock',
  /** There while commands of the layout before may be asked for. */
  earlierCommands: 'ol:earlier-commands',
  /** Banned key ids. */
  bans: 'ol:bans',
  /** Entries that belong to no door and no site. */
  audit: 'ol:{audit}:stream',
  auditTraffic: 'ol:{audit}:traffic',
  auditFold: (minute: number) => `ol:{audit}:fold:${minute}`,
  auditFolds: 'ol:{audit}:folds',
  kidDoors: (kid: string) => `ol:{kid:${kid}}:doors`,
  // Logins share one hash tag: a new one is counted against its e-mail, its network and all of them at once.
  login: (loginId: string) => `ol:{login}:login:${loginId}`,
  pendingLogins: 'ol:{login}:pending',
  loginsOfAddress: (network: string) => `ol:{login}:address:${network}`,
  loginsOfNetwork: (network: string) => `ol:{login}:network:${network}`,
  loginMails: (hash: string) => `ol:{login}:mails:${hash}`,
  loginNetworkMails: (hash: string) => `ol:{login}:network-mails:${hash}`,
  wrongCodes: (hash: string) => `ol:{login}:wrong:${hash}`,
  siteByIdentity: (hash: string) => `ol:{identity:${hash}}`,
  originSites: (origin: string) => `ol:{origin:${origin}}`,
  /** Prefix of the counters of failed authentications; `:<address or /64>` follows. */
  failures: 'ol:failures',
  /** When a relay last started with each version of the functions library: hash -> Unix ms. */
  libraries: 'ol:libraries',
} as const;

export const channels = {
  /** Messages for one relay: hints, results, supersessions. */
  node: (nodeId: string) => `ol:node:${nodeId}`,
  /** Messages for every relay: revocations, blocks, door changes. */
  fleet: 'ol:fleet',
  /** Events, presence and state of one door, for the relays with a subscribed client. */
  door: (doorId: string) => `ol:door-events:${doorId}`,
} as const;
