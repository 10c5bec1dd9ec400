/**
 * Drives rollouts (protocol 12.3). Every relay tries; the lease in the store lets one at a time, and another one within seconds
 * of its death. The driver only decides: it writes turns and ends into the store, and the relays that have the doors act on them.
 */
import type { Cancel, Clock, Random } from '../clock.js';
import type { AuditKind } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import { OpenLockError } from '../protocol/problem.js';
import { UpdateError } from '../protocol/release.js';
import type { RelayLease } from '../relays/lease.js';
import type { DoorRecordStore } from '../store/door-records.js';
import type { RolloutRecord, RolloutStore } from '../store/rollout-store.js';
import { parseFirmware } from './door-firmware.js';
import type { ReleaseService } from './release-service.js';
import { planRollout, type RolloutAct, type TargetDoor } from './rollout-plan.js';

export interface RolloutDriverDependencies {
  readonly store: RolloutStore;
  readonly doors: Pick<DoorRecordStore, 'doorIds' | 'overviews'>;
  readonly releases: Pick<ReleaseService, 'offerable'>;
  readonly lease: Pick<RelayLease, 'isLive'>;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly random: Random;
  readonly relayId: string;
  readonly onError: (error: unknown, work: string) => void;
}

const TICK_MS = 1000;
/** Another relay takes over at the latest a tick after this (within 15 s). */
const LEASE_MS = 8000;
/** What doors run and where they are is read again after a second, of many doors less often: reading thousands holds up commands. */
const DOORS_PER_SECOND = 250;
/** Acts of one look; the rest is seen at the next. */
const MAX_ACTS = 500;

export class RolloutDriver {
  readonly #deps: RolloutDriverDependencies;
  /** The doors of each rollout as last read. */
  readonly #seen = new Map<
    string,
    { readonly targets: readonly TargetDoor[]; readonly at: number; readonly until: number }
  >();
  #cancel: Cancel = () => undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(dependencies: RolloutDriverDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    this.#cancel = this.#deps.clock.every(TICK_MS, () => this.lookSoon());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
  }

  /** Looks now: on the timer, and when something about rollouts changed. */
  lookSoon(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#look()
      .catch((error: unknown) => this.#deps.onError(error, 'rollouts'))
      .finally(() => {
        this.#running = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.lookSoon();
      });
  }

  async #look(): Promise<void> {
    const live = await this.#deps.store.liveIds();
    for (const rolloutId of this.#seen.keys()) if (!live.includes(rolloutId)) this.#seen.delete(rolloutId);
    for (const rolloutId of live) {
      if (this.#stopped || !(await this.#deps.store.drive(rolloutId, this.#deps.relayId, LEASE_MS))) continue;
      try {
        await this.#drive(rolloutId);
      } catch (error) {
        this.#deps.onError(error, 'rollout');
      }
    }
  }

  async #drive(rolloutId: string): Promise<void> {
    const rollout = await this.#deps.store.record(rolloutId);
    if (rollout === undefined) return;
    const gone = rollout.state === 'running' ? await this.#whyNotOfferable(rollout) : undefined;
    if (gone !== undefined) {
      await this.#act(rollout, { act: 'halt', reason: gone });
      return;
    }
    const [doors, { targets, at }, failedBefore] = await Promise.all([
      this.#deps.store.doors(rolloutId),
      this.#targets(rollout),
      this.#deps.store.failedDoors(rollout.spec.sha256),
    ]);
    const acts = planRollout({
      rollout,
      doors,
      targets,
      targetsAt: at,
      failedBefore,
      now: this.#deps.clock.now(),
    }).slice(0, MAX_ACTS);
    let changed = false;
    for (const act of acts) changed = (await this.#act(rollout, act)) || changed;
    // The relays have doors to serve; and what was just written may be followed by more: the next stage, the next door.
    if (changed) await this.#deps.store.tellRelays();
  }

  /** A release that was withdrawn, ran out, or whose signer is trusted no more is offered to nobody (protocol 12.2). */
  async #whyNotOfferable(rollout: RolloutRecord): Promise<string | undefined> {
    try {
      await this.#deps.releases.offerable(rollout.spec);
      return undefined;
    } catch (error) {
      if (error instanceof UpdateError) return `${error.code}: ${error.message}`;
      // Withdrawn, or gone: any other refusal is of this moment (the store is away) and ends nothing.
      if (error instanceof OpenLockError && (error.code === 'not_found' || error.code === 'invalid_request'))
        return error.message;
      throw error;
    }
  }

  async #targets(rollout: RolloutRecord): Promise<{ readonly targets: readonly TargetDoor[]; readonly at: number }> {
    const { doors, lease, clock } = this.#deps;
    const seen = this.#seen.get(rollout.rolloutId);
    if (seen !== undefined && seen.until > clock.monotonic()) return seen;
    const at = clock.now();
    const ids = rollout.spec.doors ?? (await doors.doorIds());
    const overviews = await doors.overviews(ids);
    const targets = overviews.map(({ doorId, firmware, shutOut, relay }) => ({
      doorId,
      firmware: parseFirmware(firmware),
      allowed: !shutOut,
      online: lease.isLive(relay),
    }));
    const fresh = {
      targets,
      at,
      until: clock.monotonic() + Math.max(TICK_MS, (targets.length / DOORS_PER_SECOND) * 1000),
    };
    this.#seen.set(rollout.rolloutId, fresh);
    return fresh;
  }

  /** True when it changed something: the store refuses what is no longer so. */
  async #act(rollout: RolloutRecord, act: RolloutAct): Promise<boolean> {
    const { store, relayId: driver } = this.#deps;
    const { rolloutId, spec } = rollout;
    switch (act.act) {
      case 'offer': {
        const { door, mayStart } = act;
        const update = this.#deps.random.bytes(12).toString('base64url');
        return (
          (await store.offer(rollout, {
            driver,
            door,
            update,
            mayStart,
            auditEntry: this.#entry(rollout, 'update_step', 'offered', door),
          })) === 'ok'
        );
      }
      case 'note': {
        const { door, state, code } = act;
        return store.note(rolloutId, {
          driver,
          door,
          state,
          code,
          auditEntry: this.#entry(rollout, 'update_step', code === undefined ? state : `${state}: ${code}`, door),
        });
      }
      case 'step': {
        const { door, to } = act;
        const auditEntry = this.#entry(rollout, 'update_step', to, door);
        return (
          (await store.step({
            rolloutId,
            sha256: spec.sha256,
            door,
            update: '',
            conn: '',
            to,
            code: undefined,
            auditEntry,
            driver,
          })) === 'ok'
        );
      }
      case 'advance':
        return store.advance(
          rolloutId,
          driver,
          rollout.stage,
          this.#entry(rollout, 'rollout_stage', `stage ${rollout.stage + 2} of ${spec.stages.length}`),
        );
      case 'halt':
        return this.#set(rollout, 'halted', {
          reason: act.reason,
          auditEntry: this.#entry(rollout, 'rollout_halted', act.reason),
        });
      case 'complete':
        return this.#set(rollout, 'completed', { auditEntry: this.#entry(rollout, 'rollout_completed', undefined) });
    }
  }

  async #set(
    rollout: RolloutRecord,
    to: 'halted' | 'completed',
    fields: { reason?: string; auditEntry: string },
  ): Promise<boolean> {
    return (
      (await this.#deps.store.set(rollout.rolloutId, to, { ...fields, driver: this.#deps.relayId })).outcome === 'ok'
    );
  }

  #entry(rollout: RolloutRecord, kind: AuditKind, code: string | undefined, door?: string): string {
    const { rolloutId, spec } = rollout;
    return this.#deps.audit.entry({
      kind,
      actor: 'relay',
      ...(door !== undefined && { door }),
      ...(code !== undefined && { code }),
      release: spec.sha256,
      rollout: rolloutId,
    });
  }
}
