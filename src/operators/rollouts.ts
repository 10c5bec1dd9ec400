/** Rollouts as operators start, watch and stop them (protocol 12.3). Works on the store, with any relay up or down. */
import type { Clock, Random } from '../clock.js';
import type { Acting, AuditKind } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import { OpenLockError } from '../protocol/problem.js';
import { UpdateError } from '../protocol/release.js';
import type { DoorRecordStore } from '../store/door-records.js';
import type { RelayStore } from '../store/relay-store.js';
import type { RolloutRecord, RolloutSpec, RolloutState, Share } from '../store/rollout-records.js';
import type { RolloutStore } from '../store/rollout-store.js';
import { parseFirmware } from '../updates/door-firmware.js';
import type { ReleaseService } from '../updates/release-service.js';
import { targetsOf, type TargetDoor } from '../updates/rollout-plan.js';
import {
  previewRollout,
  summariseRollout,
  viewRollout,
  type RolloutPreview,
  type RolloutSummary,
  type RolloutView,
} from './rollout-view.js';

export interface RolloutAdminDependencies {
  readonly store: RolloutStore;
  readonly doors: Pick<DoorRecordStore, 'doorIds' | 'overviews'>;
  readonly relays: Pick<RelayStore, 'live'>;
  readonly releases: Pick<ReleaseService, 'find' | 'offerable'>;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly random: Random;
  /** In whose name rollouts are started, stopped and resumed. */
  readonly by: Acting;
}

/** Times in milliseconds. */
export interface StartRequest {
  /** SHA-256 or version. */
  readonly release: string;
  readonly board?: string | undefined;
  readonly doors?: readonly string[] | undefined;
  readonly stages: readonly Share[];
  readonly maxFailures: Share;
  readonly soakMs: number;
  readonly doorTimeoutMs: number;
  readonly parallel: number;
}

/** Bounds of what an operator may ask for: a rollout is read and written as a whole. */
export const ROLLOUT_LIMITS = { doors: 10_000, stages: 20, parallel: 1000, defaultParallel: 50 } as const;

const RECENT = 1000;

export class RolloutAdmin {
  readonly #deps: RolloutAdminDependencies;

  constructor(dependencies: RolloutAdminDependencies) {
    this.#deps = dependencies;
  }

  /**
   * Starts a rollout; the relays carry it out. Throws `not_found` (no such release), `door_not_found`, UpdateError (`wrong_board`,
   * `expired`, `unknown_key`) and `invalid_request` (withdrawn; another rollout has the same doors).
   */
  async start(request: StartRequest): Promise<RolloutView> {
    const { store, random } = this.#deps;
    const spec = await this.#spec(request);
    const { sha256, version, board } = spec;
    const rolloutId = `r-${random.bytes(5).toString('hex')}`;
    const entry = this.#deps.audit.entry({
      kind: 'rollout_started',
      ...this.#deps.by,
      target: `rollout:${rolloutId}`,
      code: `${version} ${board}`,
      release: sha256,
      rollout: rolloutId,
    });
    const created = await store.create(rolloutId, spec, entry);
    if (created.outcome === 'withdrawn')
      throw new OpenLockError('invalid_request', `Release ${version} (${sha256}) was withdrawn.`);
    if (created.outcome === 'rival') throw rivalError(created.rolloutId);
    return this.status(rolloutId);
  }

  /** What would become of it, without starting it. Throws as {@link start}, but for other rollouts. */
  async preview(request: StartRequest): Promise<RolloutPreview> {
    const spec = await this.#spec(request);
    const [targets, failedBefore] = await Promise.all([this.#targets(spec), this.#deps.store.failedDoors(spec.sha256)]);
    return previewRollout(spec, targets, failedBefore);
  }

  /** One rollout as it stands. Throws `not_found`. */
  async status(rolloutId: string): Promise<RolloutView> {
    const { store } = this.#deps;
    const found = await store.record(rolloutId);
    if (found === undefined)
      throw new OpenLockError('not_found', `There is no rollout "${rolloutId}"; \`openlock rollout list\` shows all.`);
    // The counts and the doors are read together and last: a door whose update goes on meanwhile is counted once.
    const targets = await this.#targets(found.spec);
    const [rollout = found, doors, failedBefore] = await Promise.all([
      store.record(rolloutId),
      store.doors(rolloutId),
      store.failedDoors(found.spec.sha256),
    ]);
    return viewRollout({ rollout, doors, targets, failedBefore });
  }

  /** All rollouts kept, newest first, without their doors. */
  async list(): Promise<readonly RolloutSummary[]> {
    return (await this.#records()).map(summariseRollout);
  }

  /**
   * The rollout that is meant where none is named: the only one in one of `states`, or (with no `states`) the newest. Throws
   * `not_found`, and `invalid_request` naming the candidates.
   */
  async choose(states: readonly RolloutState[]): Promise<string> {
    const all = await this.#records();
    const candidates = states.length === 0 ? all.slice(0, 1) : all.filter(({ state }) => states.includes(state));
    const [first, ...others] = candidates;
    if (first === undefined)
      throw new OpenLockError(
        'not_found',
        states.length === 0 ? 'There is no rollout yet.' : `No rollout is ${states.join(' or ')}.`,
      );
    if (others.length > 0)
      throw new OpenLockError(
        'invalid_request',
        `Several rollouts are ${states.join(' or ')}; name one:${candidates.map((r) => `\n  ${r.rolloutId}  ${r.spec.version}  ${r.spec.board}`).join('')}`,
      );
    return first.rolloutId;
  }

  /** No further door gets its turn; downloads under way go on. Throws `not_found`, `invalid_request`. */
  pause(rolloutId: string): Promise<void> {
    return this.#set(rolloutId, 'paused', 'rollout_paused');
  }

  /** Goes on after a pause or a halt; after a halt, failures are counted anew. Throws `not_found`, `invalid_request`. */
  resume(rolloutId: string): Promise<void> {
    return this.#set(rolloutId, 'running', 'rollout_resumed');
  }

  /** Ends it: downloads under way are stopped, doors that have verified the image go on by themselves. Throws `not_found`, `invalid_request`. */
  cancel(rolloutId: string): Promise<void> {
    return this.#set(rolloutId, 'cancelled', 'rollout_cancelled');
  }

  async #set(rolloutId: string, to: RolloutState, kind: AuditKind): Promise<void> {
    const rollout = await this.#deps.store.record(rolloutId);
    const auditEntry = this.#deps.audit.entry({
      kind,
      ...this.#deps.by,
      target: `rollout:${rolloutId}`,
      rollout: rolloutId,
      ...(rollout !== undefined && { release: rollout.spec.sha256 }),
    });
    const result = await this.#deps.store.set(rolloutId, to, { auditEntry });
    if (result.outcome === 'missing')
      throw new OpenLockError('not_found', `There is no rollout "${rolloutId}"; \`openlock rollout list\` shows all.`);
    if (result.outcome === 'rival') throw rivalError(result.rolloutId);
    if (result.outcome === 'state')
      throw new OpenLockError(
        'invalid_request',
        `Rollout ${rolloutId} is ${result.state} already and cannot become ${to}.`,
      );
  }

  async #records(): Promise<readonly RolloutRecord[]> {
    const ids = await this.#deps.store.rolloutIds(RECENT);
    const records = await Promise.all(ids.map((id) => this.#deps.store.record(id)));
    return records.filter((record) => record !== undefined);
  }

  /** The request, checked, with the release it means. */
  async #spec(request: StartRequest): Promise<RolloutSpec> {
    const { releases } = this.#deps;
    const release = await releases.offerable(await releases.find(request.release, request.board));
    const { version, board, securityVersion, size } = release.claims;
    if (request.board !== undefined && request.board !== board)
      throw new UpdateError('wrong_board', `Release ${version} is for the board ${board}, not ${request.board}.`);
    const doors = request.doors === undefined ? undefined : [...new Set(request.doors)].sort();
    if (doors !== undefined) await this.#checkDoors(doors, board);
    const { stages, maxFailures, soakMs, doorTimeoutMs, parallel } = request;
    return {
      sha256: release.sha256,
      version,
      board,
      securityVersion,
      size,
      ...(doors !== undefined && { doors }),
      stages: [...stages],
      maxFailures,
      soakMs,
      doorTimeoutMs,
      parallel,
    };
  }

  async #checkDoors(doors: readonly string[], board: string): Promise<void> {
    const overviews = new Map(
      (await this.#deps.doors.overviews(doors)).map((door) => [door.doorId, parseFirmware(door.firmware)]),
    );
    const missing = doors.filter((door) => !overviews.has(door));
    if (missing.length > 0)
      throw new OpenLockError(
        'door_not_found',
        `There is no door ${missing
          .slice(0, 5)
          .map((door) => `"${door}"`)
          .join(', ')}; \`openlock door list\` shows all.`,
      );
    const others = doors.filter((door) => (overviews.get(door)?.board ?? board) !== board);
    if (others.length > 0)
      throw new UpdateError(
        'wrong_board',
        `The release is for the board ${board}; ${others.slice(0, 5).join(', ')} is another one.`,
      );
  }

  async #targets(spec: RolloutSpec): Promise<readonly TargetDoor[]> {
    const ids = spec.doors ?? (await this.#deps.doors.doorIds());
    const [overviews, live] = await Promise.all([this.#deps.doors.overviews(ids), this.#deps.relays.live()]);
    return targetsOf(overviews, (relay) => relay !== undefined && live.includes(relay));
  }
}

function rivalError(rolloutId: string): OpenLockError {
  return new OpenLockError(
    'invalid_request',
    `Rollout ${rolloutId} is under way for some of the same doors; let it end, or \`openlock rollout cancel ${rolloutId}\`.`,
  );
}
