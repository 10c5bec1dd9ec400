/**
 * What TypeScript and the functions in Redis must agree on, in one place: the loader writes it into the head of the functions
 * library (`ROLE_RANK.viewer`, `AUDIT_MAX.door`, …), so that no number and no part of a key's name stands in both languages.
 */
import { ROLES, SCOPE_ROLES } from '../protocol/api.js';
import { LIMITS } from '../protocol/limits.js';
import { channels, KEY_PARTS, RECORD_FIELDS, shardTag } from './keys.js';

/**
 * Entries a stream of the audit trail holds, about (protocol 10.1). Doors, sites, firmware and the fleet have two streams each, of
 * the same bound: one for what happened, one for what came and went. docs/security.md says how long they last.
 */
export const AUDIT_BOUNDS = { door: 10_000, site: 10_000, firmware: 100_000, fleet: 100_000 } as const;

export const LUA_CONSTANTS = {
  /** Roles, the lesser the lower (protocol 7.6). */
  ROLE_RANK: Object.fromEntries(ROLES.map((role, index) => [role, index + 1])),
  /** The least role that may send a scope. */
  SCOPE_ROLE: SCOPE_ROLES,
  AUDIT_MAX: AUDIT_BOUNDS,
  COMMAND: {
    freshness_ms: LIMITS.freshnessMs,
    in_flight_per_door: 4, // 6.5
    in_flight_per_site: 2, // 6.5: one site cannot take all places of a door
    /** How long the commands of a minute are kept after it: ten minutes (6.7) for the last that may come, a minute late (6.5). */
    kept_minutes: 12,
    /** A minute early (6.5) to the end of that: where a command can be whose minute nobody knows. */
    minutes: 14,
    receipt_ms: 60_000, // 6.7
    /** Receipts are forgotten together that came in the same time. */
    receipt_slice_ms: 30_000,
  },
  /** Wrong credentials and bare 400s of one site at one door (protocol 6.6). */
  COOLDOWN: {
    refusals: 3,
    first_ms: 60_000,
    longest_ms: 3_600_000,
    /** Only an executed command clears the count; a pair that stays silent this long is forgotten, so that memory is bounded. */
    remembered_ms: 30 * 24 * 3_600_000,
  },
  DOOR: {
    /** 5.1: a door that claims more than this above the record is in error, or wants to use the numbers up. */
    epoch_jump: LIMITS.epochJump,
    /** Challenges used within the life of one: all a door can make the store remember (8.4). */
    used_nonces: 64,
    /** Keys a door once had, the newest first (4.4). */
    kids_before: 8,
  },
  KEY: {
    ...KEY_PARTS,
    ...RECORD_FIELDS,
    /** Length of the tag of a shard, and where the id stands in the base of a door. */
    shard_chars: shardTag('000').length,
    door_from: shardTag('000').length + KEY_PARTS.door.length + 1,
  },
  CHANNEL: { node: channels.node(''), door: channels.door('') },
  /** One message between relays is cut at about so many bytes. */
  MAIL_BYTES: 32_768,
} as const;

type LuaValue = number | string | { readonly [name: string]: LuaValue };

/** The constants as Lua source, one local a line. */
export function luaConstants(constants: Readonly<Record<string, LuaValue>> = LUA_CONSTANTS): string {
  return Object.entries(constants)
    .map(([name, value]) => `local ${name} = ${literal(value)}\n`)
    .join('');
}

function literal(value: LuaValue): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${name} = ${literal(inner)}`)
    .join(', ')} }`;
}
