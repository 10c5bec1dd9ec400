import { z } from 'zod';

import { DOOR_UPDATE_STATES, type DoorUpdateState } from '../protocol/update-frames.js';
import { channels, firmwareKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';
import {
  parseInFlight,
  readDoor,
  ROLLOUT_STATES,
  specSchema,
  type DoorUpdate,
  type InFlight,
  type RolloutRecord,
  type RolloutSpec,
  type RolloutState,
} from './rollout-records.js';

export interface StepFields {
  readonly rolloutId: string;
  readonly sha256: string;
  readonly door: string;
  /** '' whichever: the driver sets right what it sees. */
  readonly update: string;
  readonly conn: string;
  readonly to: DoorUpdateState;
  readonly code: string | undefined;
  readonly auditEntry: string;
  /** For `waiting`: milliseconds until the door may be asked again. */
  readonly retryMs?: number;
  /** The relay that drives, where the step is the driver's. */
  readonly driver?: string;
}
export type StepOutcome = 'ok' | 'same' | 'stale' | 'impossible';
export type OfferOutcome = 'ok' | 'not_driver' | 'not_running' | 'stage' | 'full' | 'taken' | 'failed_before';
export type SetOutcome =
  | { readonly outcome: 'ok' | 'missing' | 'not_driver' }
  | { readonly outcome: 'state'; readonly state: RolloutState }
  | { readonly outcome: 'rival'; readonly rolloutId: string };

const PREFIX = firmwareKeys.rollout('');

/** Typed calls of `redis/functions/rollouts.lua`, and reads of what they keep (protocol 12.3). */
export class RolloutStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async create(
    rolloutId: string,
    spec: RolloutSpec,
    auditEntry: string,
  ): Promise<{ outcome: 'ok' | 'withdrawn' } | { outcome: 'rival'; rolloutId: string }> {
    const keys = [
      firmwareKeys.rollout(rolloutId),
      firmwareKeys.rollouts,
      firmwareKeys.live,
      firmwareKeys.releases,
      firmwareKeys.audit,
    ];
    const [outcome, other = ''] = (await this.#link.call('rollout_create', keys, [
      rolloutId,
      JSON.stringify(spec),
      spec.sha256,
      PREFIX,
      auditEntry,
    ])) as ['ok' | 'withdrawn' | 'rival', string?];
    await this.tellRelays();
    return outcome === 'rival' ? { outcome, rolloutId: other } : { outcome };
  }

  async record(rolloutId: string): Promise<RolloutRecord | undefined> {
    const fields = await this.#link.run((client) => client.hgetall(firmwareKeys.rollout(rolloutId)));
    const { spec, state, startedAt } = fields;
    if (spec === undefined || state === undefined) return undefined;
    const number = (name: string): number => Number(fields[name] ?? '0');
    return {
      rolloutId,
      spec: specSchema.parse(JSON.parse(spec)),
      state: z.enum(ROLLOUT_STATES).parse(state),
      reason: fields['reason'],
      startedAt: Number(startedAt),
      stage: number('stage'),
      stageSince: number('stageSince'),
      lastEndAt: number('lastEndAt'),
      failures: number('failures'),
      started: number('started'),
      inFlight: number('inFlight'),
      bytes: number('bytes'),
      driver: fields['driver'],
      count: (stage, doorState) => number(`n:${stage}:${doorState}`),
    };
  }

  /** Newest first. */
  async rolloutIds(count: number): Promise<readonly string[]> {
    return this.#link.run((client) => client.zrange(firmwareKeys.rollouts, 0, count - 1, 'REV'));
  }

  /** Rollouts that want a driver. */
  async liveIds(): Promise<readonly string[]> {
    return (await this.#link.run((client) => client.smembers(firmwareKeys.live))).sort();
  }

  async doors(rolloutId: string): Promise<ReadonlyMap<string, DoorUpdate>> {
    const all = await this.#link.run((client) => client.hgetall(firmwareKeys.rolloutDoors(rolloutId)));
    return new Map(Object.entries(all).map(([door, text]) => [door, readDoor(text)]));
  }

  async door(rolloutId: string, door: string): Promise<DoorUpdate | undefined> {
    const text = await this.#link.run((client) => client.hget(firmwareKeys.rolloutDoors(rolloutId), door));
    return text === null ? undefined : readDoor(text);
  }

  async inFlightOf(door: string): Promise<InFlight | undefined> {
    const text = await this.#link.run((client) => client.hget(firmwareKeys.inFlight, door));
    return text === null ? undefined : parseInFlight(text);
  }

  async inFlight(): Promise<ReadonlyMap<string, InFlight>> {
    const all = await this.#link.run((client) => client.hgetall(firmwareKeys.inFlight));
    return new Map(Object.entries(all).map(([door, text]) => [door, parseInFlight(text)]));
  }

  /** Doors on which a release failed. */
  async failedDoors(sha256: string): Promise<ReadonlySet<string>> {
    return new Set(await this.#link.run((client) => client.hkeys(firmwareKeys.failed(sha256))));
  }

  /** Takes or renews the driver's lease; false when another relay has it or nothing is left to drive. */
  async drive(rolloutId: string, node: string, leaseMs: number): Promise<boolean> {
    return (
      (await this.#link.call(
        'rollout_drive',
        [firmwareKeys.rollout(rolloutId), firmwareKeys.live],
        [rolloutId, node, leaseMs],
      )) === 1
    );
  }

  async offer(
    rollout: RolloutRecord,
    fields: { driver: string; door: string; update: string; mayStart: number; auditEntry: string },
  ): Promise<OfferOutcome> {
    const { rolloutId, spec, stage } = rollout;
    const keys = [...stepKeys(rolloutId, spec.sha256)];
    return (await this.#link.call('rollout_offer', keys, [
      rolloutId,
      fields.driver,
      fields.door,
      fields.update,
      stage,
      fields.mayStart,
      spec.parallel,
      fields.auditEntry,
    ])) as OfferOutcome;
  }

  /** Records a door that needs or gets no offer. */
  async note(
    rolloutId: string,
    fields: { driver: string; door: string; state: DoorUpdateState; code: string | undefined; auditEntry: string },
  ): Promise<boolean> {
    const keys = [firmwareKeys.rollout(rolloutId), firmwareKeys.rolloutDoors(rolloutId), firmwareKeys.auditTraffic];
    return (
      (await this.#link.call('rollout_note', keys, [
        fields.driver,
        fields.door,
        fields.state,
        fields.code ?? '',
        fields.auditEntry,
      ])) === 1
    );
  }

  /** Binds a door's update to a connection; `undefined` when there is none any more. */
  async claim(
    rolloutId: string,
    door: string,
    conn: string,
  ): Promise<{ update: string; state: DoorUpdateState } | undefined> {
    const keys = [firmwareKeys.rollout(rolloutId), firmwareKeys.rolloutDoors(rolloutId), firmwareKeys.inFlight];
    const [update, state] = (await this.#link.call('update_claim', keys, [rolloutId, door, conn])) as [
      string?,
      string?,
    ];
    return update === undefined ? undefined : { update, state: z.enum(DOOR_UPDATE_STATES).parse(state) };
  }

  async step(fields: StepFields): Promise<StepOutcome> {
    const { door, update, conn, to, code, auditEntry, retryMs, driver } = fields;
    return (await this.#link.call('update_step', stepKeys(fields.rolloutId, fields.sha256), [
      door,
      update,
      conn,
      to,
      code ?? '',
      auditEntry,
      retryMs ?? 0,
      driver ?? '',
    ])) as StepOutcome;
  }

  async progress(
    rolloutId: string,
    bytes: number,
    doors: readonly { door: string; update: string; conn: string; percent: number }[],
  ): Promise<void> {
    const flat = doors.flatMap(({ door, update, conn, percent }) => [door, update, conn, percent]);
    await this.#link.call(
      'update_progress',
      [firmwareKeys.rollout(rolloutId), firmwareKeys.rolloutDoors(rolloutId)],
      [bytes, ...flat],
    );
  }

  /** Opens the stage after `seen`; false when somebody else did, or may not any more. */
  async advance(rolloutId: string, driver: string, seen: number, auditEntry: string): Promise<boolean> {
    return (
      (await this.#link.call(
        'rollout_advance',
        [firmwareKeys.rollout(rolloutId), firmwareKeys.audit],
        [driver, seen, auditEntry],
      )) === 1
    );
  }

  async set(
    rolloutId: string,
    to: RolloutState,
    fields: { reason?: string; driver?: string; auditEntry: string },
  ): Promise<SetOutcome> {
    const keys = [
      firmwareKeys.rollout(rolloutId),
      firmwareKeys.rolloutDoors(rolloutId),
      firmwareKeys.inFlight,
      firmwareKeys.live,
      firmwareKeys.audit,
    ];
    const args = [rolloutId, to, fields.reason ?? '', fields.driver ?? '', PREFIX, fields.auditEntry];
    const [outcome, detail = ''] = (await this.#link.call('rollout_set', keys, args)) as [
      'ok' | 'missing' | 'not_driver' | 'state' | 'rival',
      string?,
    ];
    await this.tellRelays();
    if (outcome === 'state') return { outcome, state: z.enum(ROLLOUT_STATES).parse(detail) };
    return outcome === 'rival' ? { outcome, rolloutId: detail } : { outcome };
  }

  /** A hint to every relay that something about rollouts changed; each reads the store. */
  async tellRelays(): Promise<void> {
    await this.#link.publish(channels.fleet, JSON.stringify({ t: 'rollouts_changed' }));
  }
}

function stepKeys(rolloutId: string, sha256: string): string[] {
  return [
    firmwareKeys.rollout(rolloutId),
    firmwareKeys.rolloutDoors(rolloutId),
    firmwareKeys.inFlight,
    firmwareKeys.failed(sha256),
    firmwareKeys.auditTraffic,
  ];
}
