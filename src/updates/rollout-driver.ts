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
import type { RolloutRecord } from '../store/rollout-records.js';
import type { RolloutStore } from '../store/rollout-store.js';
import { Looks } from './looks.js';
import type { ReleaseService } from './release-service.js';
import { planRollout, targetsOf, type RolloutAct, type TargetDoor } from './rollout-plan.js';

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
  /** On the timer, and when something about rollouts changed. */
  readonly looks: Looks;
  #stopped = false;

  constructor(dependencies: RolloutDriverDependencies) {
    this.#deps = dependencies;
    const { clock, onError } = dependencies;
    this.looks = new Looks(
      clock,
      () => this.#look(),
      (error) => onError(error, 'rollouts'),
    );
  }

  start(): void {
    this.#cancel = this.#deps.clock.every(TICK_MS, () => this.looks.soon());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.looks.stop();
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
    const targets = targetsOf(await doors.overviews(ids), (relay) => lease.isLive(relay));
    const until = clock.monotonic() + Math.max(TICK_MS, (targets.length / DOORS_PER_SECOND) * 1000);
    const fresh = { targets, at, until };
    this.#seen.set(rollout.rolloutId, fresh);
    return fresh;
  }

  /** True when it changed something: the store refuses what is no longer so. */
  async #act(rollout: RolloutRecord, act: RolloutAct): Promise<boolean> {
    const { store, relayId: driver, random } = this.#deps;
    const { rolloutId, spec, stage } = rollout;
    const entry = (kind: AuditKind, code?: string, door?: string): string => this.#entry(rollout, kind, code, door);
    switch (act.act) {
      case 'offer': {
        const { door, mayStart } = act;
        const update = random.bytes(12).toString('base64url');
        const auditEntry = entry('update_step', 'offered', door);
        return (await store.offer(rollout, { driver, door, update, mayStart, auditEntry })) === 'ok';
      }
      case 'note': {
        const { door, state, code } = act;
        const auditEntry = entry('update_step', code === undefined ? state : `${state}: ${code}`, door);
        return store.note(rolloutId, { driver, door, state, code, auditEntry });
      }
      case 'step': {
        const { door, to } = act;
        const step = { rolloutId, sha256: spec.sha256, door, update: '', conn: '', to, code: undefined, driver };
        return (await store.step({ ...step, auditEntry: entry('update_step', to, door) })) === 'ok';
      }
      case 'advance': {
        const auditEntry = entry('rollout_stage', `stage ${stage + 2} of ${spec.stages.length}`);
        return store.advance(rolloutId, driver, stage, auditEntry);
      }
      case 'halt': {
        const { reason } = act;
        const auditEntry = entry('rollout_halted', reason);
        return (await store.set(rolloutId, 'halted', { reason, auditEntry, driver })).outcome === 'ok';
      }
      case 'complete': {
        const auditEntry = entry('rollout_completed');
        return (await store.set(rolloutId, 'completed', { auditEntry, driver })).outcome === 'ok';
      }
    }
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
