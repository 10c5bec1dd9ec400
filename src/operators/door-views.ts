import { doorStateSchema, type DoorState } from '../protocol/door-state.js';
import type { Grant } from '../store/door-grants.js';
import type { DoorPresence } from '../store/door-presence.js';
import type { DoorRecord } from '../store/door-records.js';

/** What the store has of a door. */
export interface DoorDetails {
  readonly record: DoorRecord;
  readonly presence: DoorPresence;
  readonly grants: ReadonlyMap<string, Grant>;
}

/** A door as operators see it; also the shape of `door list --json` and `door show --json`. Times in Unix ms. */
export interface DoorView {
  readonly doorId: string;
  readonly name: string;
  readonly kid: string | null;
  readonly online: boolean;
  readonly disabled: boolean;
  readonly keyBanned: boolean;
  readonly createdAt: number;
  readonly registeredAt: number | null;
  readonly lastSeen: number | null;
  /** End of an unused enrolment token. */
  readonly enrolmentUntil: number | null;
}

export interface DoorDetailsView extends DoorView {
  readonly firmware: unknown;
  /** Advisory: what the door last said of itself (protocol 1.1). */
  readonly state: DoorState | null;
  readonly stateAt: number | null;
  readonly grants: readonly {
    readonly siteId: string;
    readonly role: string;
    readonly notBefore: number | null;
    readonly notAfter: number | null;
  }[];
}

/** `liveRelays`: relays that have a lease; a door recorded on any other is offline (protocol 5.5). */
export function doorView({ record, presence }: DoorDetails, liveRelays: readonly string[]): DoorView {
  return {
    doorId: record.doorId,
    name: record.name,
    kid: record.kid ?? null,
    online: presence.relay !== undefined && liveRelays.includes(presence.relay),
    disabled: record.disabled,
    keyBanned: record.banned,
    createdAt: record.createdAt,
    registeredAt: record.registeredAt ?? null,
    lastSeen: presence.lastSeen ?? null,
    enrolmentUntil: record.enrolUntil ?? null,
  };
}

export function doorDetailsView(details: DoorDetails, liveRelays: readonly string[]): DoorDetailsView {
  return {
    ...doorView(details, liveRelays),
    firmware: parse(details.record.firmware),
    state: doorStateSchema.safeParse(parse(details.presence.state)).data ?? null,
    stateAt: details.presence.stateAt ?? null,
    grants: [...details.grants].map(([siteId, grant]) => ({
      siteId,
      role: grant.role,
      notBefore: grant.notBefore ?? null,
      notAfter: grant.notAfter ?? null,
    })),
  };
}

function parse(json: string | undefined): unknown {
  if (json === undefined) return null;
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
