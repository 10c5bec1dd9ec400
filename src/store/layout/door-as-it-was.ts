import { OPERATOR } from '../../principal.js';
import type { EarlierFields } from './earlier-commands.js';
import { layout1DoorKeys, type StoreAccess } from './layout-1.js';

/** What a stream tells of itself. */
export interface StreamTold {
  readonly length: number;
  /** Ever; what is missing from `length` was dropped, and nobody was told yet. */
  readonly added: number;
  readonly last: string;
  readonly removed: string;
}

/** Everything about a door in layout 1 but the entries of its streams. */
export interface DoorAsItWas {
  /** Field, value, …, as everything flat here. Empty when the door was removed: its streams and commands may still be there. */
  readonly record: readonly string[];
  readonly grants: readonly (readonly [site: string, grant: string])[];
  readonly live: EarlierFields;
  readonly state: readonly string[];
  /** Challenge, end, … */
  readonly nonces: readonly string[];
  readonly nonceMs: number;
  readonly fold: readonly string[];
  readonly underWay: readonly {
    readonly id: string;
    /** `deadline|site|audit entry of its submission`; the nearest deadline comes first. */
    readonly value: string;
    readonly fields: EarlierFields;
    readonly jwe: string;
  }[];
  readonly cooldowns: readonly { readonly site: string; readonly value: string }[];
  readonly audit: StreamTold | undefined;
  readonly traffic: StreamTold | undefined;
}

type Told = readonly [] | readonly [number, number, string, string];
type Taken = readonly [
  ...[record: string[], grants: string[], live: string[], state: string[], nonces: string[], fold: string[]],
  ...[
    commands: [string, string, string[], string][],
    cooldowns: string[][],
    audit: Told,
    traffic: Told,
    nonceMs: number,
  ],
];

/** Begins the move of a door: to an older program it is gone from here on, so that nothing of it changes any more. */
export async function takeDoor(link: StoreAccess, doorId: string): Promise<DoorAsItWas> {
  const keys = layout1DoorKeys(doorId);
  const [record, grants, live, state, nonces, fold, commands, cooldowns, audit, traffic, nonceMs] = (await link.call(
    'layout_take',
    [
      ...[keys.record, keys.taken, keys.grants, keys.live, keys.state, keys.nonces],
      ...[keys.auditFold, keys.underWay, keys.audit, keys.auditTraffic],
    ],
    [keys.command(''), keys.jwe(''), keys.cooldown(''), OPERATOR],
  )) as Taken;
  return {
    record,
    grants: pairs(grants),
    live: Object.fromEntries(pairs(live)),
    state,
    nonces,
    nonceMs,
    fold,
    underWay: commands
      .map(([id, value, fields, jwe]) => ({ id, value, fields: Object.fromEntries(pairs(fields)), jwe }))
      .sort((a, b) => (a.value < b.value ? -1 : 1)),
    cooldowns: cooldowns.map(([site = '', ...rest]) => ({ site, value: rest.join('|') })),
    audit: toldOf(audit),
    traffic: toldOf(traffic),
  };
}

function pairs(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : []));
}

function toldOf([length, added, last, removed]: Told): StreamTold | undefined {
  return length === undefined || added === undefined || last === undefined || removed === undefined
    ? undefined
    : { length, added, last, removed };
}
