/** A rollout as people and programs read it: stages, counts, doors, the last failures. */
import { DOOR_UPDATE_STATES, type DoorUpdateState } from '../protocol/update-frames.js';
import { type RolloutRecord, type RolloutSpec, type RolloutState, type Share } from '../store/rollout-records.js';
import { isFirmware } from '../updates/door-firmware.js';
import { countTargets, doorsOf, isMeant, type PlanInput, type TargetDoor } from '../updates/rollout-plan.js';

export { DOOR_UPDATE_STATES, type DoorUpdateState, type RolloutState, type Share };

export interface StageView {
  readonly stage: number;
  /** As it was asked for: `10%`, or a number of doors. */
  readonly share: string;
  /** Doors that have had their turn when it ends, those of earlier stages included. */
  readonly doors: number;
  readonly state: 'waiting' | 'open' | 'soaking' | 'done';
  /** Doors by the state they are in; of this stage alone. */
  readonly counts: Readonly<Partial<Record<DoorUpdateState, number>>>;
}

export interface DoorView {
  readonly doorId: string;
  readonly state: DoorUpdateState;
  readonly code?: string;
  readonly percent?: number;
  /** From 1; absent: counted in no stage. */
  readonly stage?: number;
  /** Unix ms of the last change; absent: nothing has happened. */
  readonly at?: number;
  readonly online: boolean;
  /** Version it registered with. */
  readonly version?: string;
}

/** Times in Unix milliseconds. */
export interface RolloutView {
  readonly rolloutId: string;
  readonly state: RolloutState;
  readonly reason?: string;
  readonly release: {
    readonly sha256: string;
    readonly version: string;
    readonly board: string;
    readonly size: number;
  };
  readonly startedAt: number;
  /** The open stage, from 1. */
  readonly stage: number;
  readonly stages: readonly StageView[];
  /** Doors by state, over all stages and none. */
  readonly counts: Readonly<Record<DoorUpdateState, number>>;
  readonly total: number;
  readonly failures: number;
  readonly maxFailures: string;
  /** Image bytes sent to doors. */
  readonly bytesSent: number;
  /** Relay that drives it, as far as known. */
  readonly driver?: string;
  readonly doors: readonly DoorView[];
}

/** A rollout without its doors. Times in Unix milliseconds. */
export interface RolloutSummary extends Pick<
  RolloutRecord,
  'rolloutId' | 'state' | 'startedAt' | 'started' | 'failures'
> {
  readonly reason?: string;
  readonly release: Pick<RolloutSpec, 'sha256' | 'version' | 'board'>;
  /** The open stage, from 1. */
  readonly stage: number;
  readonly stages: number;
}

/** What a rollout would find if it were started now. */
export interface RolloutPreview {
  readonly release: Pick<RolloutSpec, 'sha256' | 'version' | 'board'>;
  /** Doors that have registered with the release's board, are meant and not shut out. */
  readonly meant: number;
  /** Of those: run this very image. */
  readonly current: number;
  /** Of those: would get an offer. */
  readonly wanting: number;
}

/** What the plan reads too, without the times. */
export type ViewInput = Omit<PlanInput, 'now' | 'targetsAt'>;

export function shareText(share: Share): string {
  return 'percent' in share ? `${share.percent}%` : String(share.count);
}

export function summariseRollout(rollout: RolloutRecord): RolloutSummary {
  const { rolloutId, state, reason, spec, startedAt, stage, started, failures } = rollout;
  const { sha256, version, board } = spec;
  return {
    rolloutId,
    state,
    ...(reason !== undefined && { reason }),
    release: { sha256, version, board },
    startedAt,
    stage: stage + 1,
    stages: spec.stages.length,
    started,
    failures,
  };
}

export function previewRollout(
  spec: RolloutSpec,
  targets: readonly TargetDoor[],
  failedBefore: ReadonlySet<string>,
): RolloutPreview {
  const { sha256, version, board } = spec;
  const meant = targets.filter((target) => isMeant({ spec }, target));
  return {
    release: { sha256, version, board },
    meant: meant.length,
    current: meant.filter(({ firmware }) => isFirmware(firmware, spec)).length,
    wanting: countTargets({ rollout: { spec, started: 0 }, doors: new Map(), targets, failedBefore }),
  };
}

export function viewRollout(input: ViewInput): RolloutView {
  const { rollout } = input;
  const { sha256, version, board, size, stages, maxFailures } = rollout.spec;
  const doors = viewDoors(input);
  const counts = Object.fromEntries(
    DOOR_UPDATE_STATES.map((state) => [state, doors.filter((door) => door.state === state).length]),
  ) as Record<DoorUpdateState, number>;
  const total = countTargets(input);
  return {
    rolloutId: rollout.rolloutId,
    state: rollout.state,
    ...(rollout.reason !== undefined && { reason: rollout.reason }),
    release: { sha256, version, board, size },
    startedAt: rollout.startedAt,
    stage: rollout.stage + 1,
    stages: stages.map((share, stage) => viewStage(rollout, { share, stage, total })),
    counts,
    total,
    failures: rollout.failures,
    maxFailures: shareText(maxFailures),
    bytesSent: rollout.bytes,
    ...(rollout.driver !== undefined && { driver: rollout.driver }),
    doors,
  };
}

function viewStage(
  rollout: RolloutRecord,
  { share, stage, total }: { share: Share; stage: number; total: number },
): StageView {
  const counts: Partial<Record<DoorUpdateState, number>> = {};
  for (const state of DOOR_UPDATE_STATES) {
    const count = rollout.count(stage, state);
    if (count > 0) counts[state] = count;
  }
  const doors = doorsOf(share, total);
  const isOver = rollout.state === 'completed' || stage < rollout.stage;
  const hasEnded = rollout.inFlight === 0 && rollout.started >= doors && doors > 0;
  const state = isOver ? 'done' : stage > rollout.stage ? 'waiting' : hasEnded ? 'soaking' : 'open';
  return { stage: stage + 1, share: shareText(share), doors, state, counts };
}

function viewDoors({ rollout, doors, targets }: ViewInput): readonly DoorView[] {
  const byId = new Map(targets.map((target) => [target.doorId, target]));
  const ids = new Set([
    ...doors.keys(),
    ...targets.filter((target) => isMeant(rollout, target)).map(({ doorId }) => doorId),
  ]);
  return [...ids].sort().map((doorId) => {
    const record = doors.get(doorId);
    const target = byId.get(doorId);
    return {
      doorId,
      state: record?.state ?? 'waiting',
      ...(record?.code !== undefined && { code: record.code }),
      ...(record?.percent !== undefined && record.state !== 'waiting' && { percent: record.percent }),
      ...(record !== undefined && record.stage >= 0 && { stage: record.stage + 1 }),
      ...(record !== undefined && { at: record.at }),
      online: target?.online === true,
      ...(target?.firmware !== undefined && { version: target.firmware.version }),
    };
  });
}
