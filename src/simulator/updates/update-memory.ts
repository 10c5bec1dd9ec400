/** What of updates a door keeps across a power cut, and how it changes: one pure function for each thing that can happen. */
import type { ProofClaims } from '../../protocol/api.js';
import type { ReleaseClaims } from '../../protocol/release.js';

/** An image as the proof names it (protocol 4.4); `sha256` is not known of the one the simulation began with. */
export type RunningFirmware = ProofClaims['firmware'];

/** An image that is bad in a way which shows only when it runs. */
export type BadImage = 'boot_fails' | 'never_welcomed';

/** The slot was switched and the new image is not confirmed. */
interface Trial {
  /** Of the update's frames. */
  readonly id: string;
  readonly previous: RunningFirmware;
  /** Whether the new image has been started: a second start without a welcome between is a crash. */
  readonly started: boolean;
  readonly bad?: BadImage;
}

/** What the relay is told after the next welcome. */
export interface UpdateReport {
  readonly id: string;
  readonly version: string;
  readonly phase: 'confirmed' | 'rolled_back';
  readonly code?: RollbackCode;
}

/** `boot_failed`: it crashed. `not_confirmed`: no relay welcomed it in time. */
export type RollbackCode = 'boot_failed' | 'not_confirmed';

export interface UpdateMemory {
  /** The image that runs; after a switch the one the next start runs. */
  readonly running: RunningFirmware;
  /** No release below it is taken; raised by confirmed images only (protocol 12.5). */
  readonly securityVersion: number;
  /** Digests of the last images that were taken back. */
  readonly failed: readonly string[];
  readonly trial?: Trial;
  readonly report?: UpdateReport;
}

const REMEMBERED_FAILURES = 4;

export function factoryMemory(firmware: RunningFirmware): UpdateMemory {
  return { running: firmware, securityVersion: firmware.securityVersion, failed: [] };
}

/** The boot slot is the new one from here on. */
export function switched(
  memory: UpdateMemory,
  id: string,
  claims: ReleaseClaims,
  bad: BadImage | undefined,
): UpdateMemory {
  const { version, board, securityVersion, sha256 } = claims;
  return {
    ...without(memory, 'report'),
    running: { version, board, securityVersion, sha256 },
    trial: { id, previous: memory.running, started: false, ...(bad !== undefined && { bad }) },
  };
}

/** Power on. */
export function started(memory: UpdateMemory): UpdateMemory {
  const { trial } = memory;
  if (trial === undefined) return memory;
  if (trial.started || trial.bad === 'boot_fails') return rolledBack(memory, 'boot_failed');
  return { ...memory, trial: { ...trial, started: true } };
}

/** The first welcome of a new image confirms it. */
export function welcomed(memory: UpdateMemory): UpdateMemory {
  const { trial, running } = memory;
  if (trial === undefined) return memory;
  const report: UpdateReport = { id: trial.id, version: running.version, phase: 'confirmed' };
  return {
    ...without(memory, 'trial'),
    securityVersion: Math.max(memory.securityVersion, running.securityVersion),
    report,
  };
}

/** Back to the image before; this digest is not taken again. */
export function rolledBack(memory: UpdateMemory, code: RollbackCode): UpdateMemory {
  const { trial, running } = memory;
  if (trial === undefined) return memory;
  const failed = [...memory.failed, running.sha256 ?? ''].slice(-REMEMBERED_FAILURES);
  return {
    ...without(memory, 'trial'),
    running: trial.previous,
    failed,
    report: { id: trial.id, version: running.version, phase: 'rolled_back', code },
  };
}

/** The relay was told. */
export function reported(memory: UpdateMemory): UpdateMemory {
  return without(memory, 'report');
}

function without(memory: UpdateMemory, name: 'trial' | 'report'): UpdateMemory {
  const rest: { -readonly [Name in keyof UpdateMemory]: UpdateMemory[Name] } = { ...memory };
  delete rest[name];
  return rest;
}
