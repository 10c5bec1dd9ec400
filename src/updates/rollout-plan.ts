/** What a rollout should do next, from what the store and the doors say. Pure: no store, no clock of its own. */
import { hash } from 'node:crypto';

import type { DoorOverview } from '../store/door-records.js';
import type { DoorUpdate, RolloutRecord, Share } from '../store/rollout-records.js';
import { isFirmware, parseFirmware, refusalFor, type DoorFirmware } from './door-firmware.js';

/** A door as the driver sees it. */
export interface TargetDoor {
  readonly doorId: string;
  readonly firmware: DoorFirmware | undefined;
  /** Neither disabled nor banned. */
  readonly allowed: boolean;
  readonly online: boolean;
}

/** `isLive`: whether a relay has its lease. */
export function targetsOf(doors: readonly DoorOverview[], isLive: (relay?: string) => boolean): readonly TargetDoor[] {
  return doors.map(({ doorId, firmware, shutOut, relay }) => {
    return { doorId, firmware: parseFirmware(firmware), allowed: !shutOut, online: isLive(relay) };
  });
}

/** One thing to do; the store checks again what may have changed since. */
export type RolloutAct =
  | { readonly act: 'offer'; readonly door: string; readonly mayStart: number }
  /** A door that needs or gets no offer. */
  | {
      readonly act: 'note';
      readonly door: string;
      readonly state: 'confirmed' | 'refused' | 'failed';
      readonly code: string | undefined;
    }
  /** A record that what the door registered with, or its silence, proves wrong. */
  | { readonly act: 'step'; readonly door: string; readonly to: 'confirmed' | 'rolled_back' | 'timed_out' | 'waiting' }
  | { readonly act: 'advance' }
  | { readonly act: 'halt'; readonly reason: string }
  | { readonly act: 'complete' };

export interface PlanInput {
  readonly rollout: RolloutRecord;
  readonly doors: ReadonlyMap<string, DoorUpdate>;
  readonly targets: readonly TargetDoor[];
  /** Unix ms at which the targets were read: what was recorded since, they cannot contradict. */
  readonly targetsAt: number;
  /** Doors on which this release failed, in whatever rollout. */
  readonly failedBefore: ReadonlySet<string>;
  /** Unix ms. */
  readonly now: number;
}

/** By how much the clocks of Redis and of this relay may differ, and a door's registration and its confirmation. */
const SKEW_MS = 10_000;

const UNDER_WAY: ReadonlySet<string> = new Set(['offered', 'downloading', 'verified', 'rebooting']);

/** Failed doors a rollout halts for, where nobody said how many: what one says of a release may be a lie. */
const DOORS_TO_HALT = 2;

/** Doors a share means: a percentage is rounded up, and is one door at least. */
export function doorsOf(share: Share, total: number): number {
  const doors = 'percent' in share ? Math.ceil((share.percent * total) / 100) : share.count;
  return Math.min(total, Math.max(1, doors));
}

/** Doors that are meant: of the release's board, chosen, and not shut out. */
export function isMeant(rollout: Pick<RolloutRecord, 'spec'>, { doorId, firmware, allowed }: TargetDoor): boolean {
  const { board, doors } = rollout.spec;
  return allowed && firmware?.board === board && (doors === undefined || doors.includes(doorId));
}

/** How many doors the stages are percentages of: those that were given a turn, and those that still want one. */
export function countTargets({
  rollout,
  doors,
  targets,
  failedBefore,
}: Pick<PlanInput, 'doors' | 'targets' | 'failedBefore'> & {
  readonly rollout: Pick<RolloutRecord, 'spec' | 'started'>;
}): number {
  const wanting = targets.filter((target) => wantsOffer({ rollout, doors, failedBefore }, target)).length;
  return rollout.started + wanting;
}

/**
 * Why the failures are past the limit; `undefined` while they are not. Percentages are of the doors of the opened stages, and of few
 * doors one is soon too many: it takes two distinct ones then, or a door that lies would halt everybody's rollout by itself (protocol
 * 12.3). An operator who names a number, or 0%, is taken at their word.
 */
export function tooManyFailures(rollout: RolloutRecord, opened: number): string | undefined {
  const { maxFailures } = rollout.spec;
  if ('count' in maxFailures)
    return rollout.failures > maxFailures.count
      ? `${rollout.failures} failed, and the limit is ${maxFailures.count}`
      : undefined;
  const { percent } = maxFailures;
  const past = rollout.failures * 100 > percent * opened && (percent === 0 || rollout.failures >= DOORS_TO_HALT);
  return past
    ? `${rollout.failures} failed, and the limit is ${percent}% of the ${opened} doors of the opened stages`
    : undefined;
}

/** Everything to be done now. `halt`, `advance` and `complete` come alone: what follows is seen at the next look. */
export function planRollout(input: PlanInput): readonly RolloutAct[] {
  const { rollout } = input;
  const corrections = correct(input);
  if (rollout.state !== 'running' || corrections.length > 0) return corrections;
  const notes = note(input);
  if (notes.length > 0) return notes;

  const total = countTargets(input);
  const opened = openedDoors(rollout, total);
  const reason = tooManyFailures(rollout, opened);
  if (reason !== undefined) return [{ act: 'halt', reason }];
  const offers = offer(input, opened);
  if (offers.length > 0) return offers;
  return endOfStage(input, opened, total);
}

/**
 * Doors that may have had their turn by the open stage. A stage whose only verdict is the failure of one door asks one door more: its
 * success or failure tells whether the release or that door is bad.
 */
function openedDoors(rollout: RolloutRecord, total: number): number {
  const opened = doorsOf(rollout.spec.stages[rollout.stage] ?? { percent: 100 }, total);
  const { confirmed, failures } = stageCounts(rollout, rollout.stage);
  const wantsAnother = confirmed === 0 && failures === 1 && rollout.failures === 1 && rollout.inFlight === 0;
  return wantsAnother ? Math.min(total, Math.max(opened, rollout.started + 1)) : opened;
}

/** Records that the registrations, or the time, prove wrong. */
function correct({ rollout, doors, targets, targetsAt, now }: PlanInput): readonly RolloutAct[] {
  const byId = new Map(targets.map((target) => [target.doorId, target]));
  const acts: RolloutAct[] = [];
  for (const [door, record] of doors) {
    const target = byId.get(door);
    const isThere = isFirmware(target?.firmware, rollout.spec);
    if (UNDER_WAY.has(record.state)) {
      const to = overdue(record, target?.online === true, rollout.spec.doorTimeoutMs, now);
      if (to !== undefined) acts.push({ act: 'step', door, to });
    } else if (record.state === 'timed_out' && isThere) {
      acts.push({ act: 'step', door, to: 'confirmed' });
    } else if (
      record.state === 'confirmed' &&
      targetsAt - record.at > SKEW_MS &&
      target?.firmware !== undefined &&
      !isThere &&
      wentBack(target.firmware, rollout)
    ) {
      acts.push({ act: 'step', door, to: 'rolled_back' });
    }
  }
  return acts;
}

/** A door that was confirmed and registered from an older image since. A newer one is somebody's next release. */
function wentBack(firmware: DoorFirmware, { spec }: RolloutRecord): boolean {
  return refusalFor(firmware, spec) === undefined;
}

/** Silence: a door that left during its download gets another turn when it returns; one that is there, or that restarted, has failed. */
function overdue(
  record: DoorUpdate,
  online: boolean,
  timeoutMs: number,
  now: number,
): 'timed_out' | 'waiting' | undefined {
  if (now - record.at <= timeoutMs) return undefined;
  const isLoading = record.state === 'offered' || record.state === 'downloading';
  return isLoading && !online ? 'waiting' : 'timed_out';
}

function note({ rollout, doors, targets, failedBefore }: PlanInput): readonly RolloutAct[] {
  const acts: RolloutAct[] = [];
  for (const target of targets) {
    const { doorId: door, firmware } = target;
    if (!isUntouched(doors.get(door)) || !isMeant(rollout, target) || firmware === undefined) continue;
    const refusal = refusalFor(firmware, rollout.spec);
    if (isFirmware(firmware, rollout.spec)) acts.push({ act: 'note', door, state: 'confirmed', code: undefined });
    else if (failedBefore.has(door)) acts.push({ act: 'note', door, state: 'failed', code: 'failed_before' });
    else if (refusal !== undefined) acts.push({ act: 'note', door, state: 'refused', code: refusal });
  }
  return acts;
}

function wantsOffer(
  {
    rollout,
    doors,
    failedBefore,
  }: Pick<PlanInput, 'doors' | 'failedBefore'> & { readonly rollout: Pick<RolloutRecord, 'spec'> },
  target: TargetDoor,
): boolean {
  const { doorId, firmware } = target;
  if (
    !isUntouched(doors.get(doorId)) ||
    !isMeant(rollout, target) ||
    firmware === undefined ||
    failedBefore.has(doorId)
  )
    return false;
  return !isFirmware(firmware, rollout.spec) && refusalFor(firmware, rollout.spec) === undefined;
}

function isUntouched(record: DoorUpdate | undefined): boolean {
  return record === undefined || record.state === 'waiting';
}

function offer(input: PlanInput, mayStart: number): readonly RolloutAct[] {
  const { rollout, doors, targets, now } = input;
  const room = Math.min(mayStart - rollout.started, rollout.spec.parallel - rollout.inFlight);
  if (room <= 0) return [];
  return targets
    .filter((target) => target.online && wantsOffer(input, target) && (doors.get(target.doorId)?.notBefore ?? 0) <= now)
    .map(({ doorId }) => ({ doorId, place: placeOf(rollout.rolloutId, doorId) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .slice(0, room)
    .map(({ doorId }) => ({ act: 'offer', door: doorId, mayStart }));
}

/** The order of turns: by chance, but the same for every relay, and another one in every rollout. */
function placeOf(rolloutId: string, doorId: string): string {
  return hash('sha256', `${rolloutId}/${doorId}`);
}

function endOfStage({ rollout, doors, now }: PlanInput, opened: number, total: number): readonly RolloutAct[] {
  const { spec, stage, started, inFlight } = rollout;
  // Nobody wants the release. That is the end if doors were found to have it or to refuse it; without any door it waits for one.
  if (total === 0) return [...doors.values()].some((record) => !isUntouched(record)) ? [{ act: 'complete' }] : [];
  if (inFlight > 0 || started < opened) return [];
  const ended = stageCounts(rollout, stage);
  // An operator who resumed after a halt has seen those failures: they count no more. One door halts nothing where others have
  // confirmed the release; where none has, there is nobody it could harm.
  const one = rollout.failures < DOORS_TO_HALT && confirmedAtAll(rollout) > 0;
  if (ended.confirmed === 0 && rollout.failures > 0 && !one)
    return [{ act: 'halt', reason: `none of the ${ended.failures} doors of stage ${stage + 1} was confirmed` }];
  if (stage === spec.stages.length - 1) return [{ act: 'complete' }];
  return now - Math.max(rollout.lastEndAt, rollout.stageSince) >= spec.soakMs || started >= total
    ? [{ act: 'advance' }]
    : [];
}

function confirmedAtAll(rollout: RolloutRecord): number {
  return rollout.spec.stages.reduce((sum, _, stage) => sum + rollout.count(stage, 'confirmed'), 0);
}

function stageCounts(rollout: RolloutRecord, stage: number): { readonly confirmed: number; readonly failures: number } {
  const failures =
    rollout.count(stage, 'failed') +
    rollout.count(stage, 'rolled_back') +
    rollout.count(stage, 'timed_out') +
    rollout.count(stage, 'refused');
  return { confirmed: rollout.count(stage, 'confirmed'), failures };
}
