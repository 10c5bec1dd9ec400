/**
 * Every Redis key and channel, built here and nowhere else. All keys of one door share the hash tag `{door:<id>}`, all of
 * one site `{site:<id>}`, so that a Redis function may change them together, also in a Cluster. `redis/README.md` lists
 * type, TTL and owner of each.
 */
export const doorKeys = (doorId: string) => {
  const tag = `ol:{door:${doorId}}`;
  return {
    record: `${tag}:record`,
    grants: `${tag}:grants`,
    live: `${tag}:live`,
    state: `${tag}:state`,
    /** Commands under way, with what the trail will say of them. */
    underWay: `${tag}:under-way`,
    /** What happened. */
    audit: `${tag}:audit`,
    /** What came and went: refusals, folded, and sockets and events. */
    auditTraffic: `${tag}:audit-traffic`,
    /** Refusals of this minute. */
    auditFold: `${tag}:audit-fold`,
    cooldown: (siteId: string) => `${tag}:cooldown:${siteId}`,
    /** Challenges that were used. */
    nonces: `${tag}:nonces`,
    command: (commandId: string) => `${tag}:command:${commandId}`,
    jwe: (commandId: string) => `${tag}:jwe:${commandId}`,
    receipt: (commandId: string) => `${tag}:receipt:${commandId}`,
  } as const;
};

export const siteKeys = (siteId: string) => {
  const tag = `ol:{site:${siteId}}`;
  return {
    record: `${tag}:record`,
    doors: `${tag}:doors`,
    bucket: `${tag}:bucket`,
    audit: `${tag}:audit`,
    auditTraffic: `${tag}:audit-traffic`,
    sessions: `${tag}:sessions`,
    session: (sessionId: string) => `${tag}:session:${sessionId}`,
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
  doors: 'ol:doors',
  /** Index of all site ids. */
  sites: 'ol:sites',
  /** Relays with a lease: node id scored by the lease's end (Unix ms). */
  nodes: 'ol:nodes',
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
