/** The build of the virtual door belongs to the set-up, which is plain JavaScript beside the sources, also of an installed package. */
import { CommandFailure } from '../support/failure.js';

interface BuildStep {
  /** Path of the program, built when it is not current; what it does is said on standard error. */
  ensureVirtualDoor(options?: { readonly signal?: AbortSignal }): Promise<string>;
  /** Debian packages without which it cannot be built and that are not here. */
  missingForVirtualDoor(): readonly string[];
  hasVirtualDoorSources(): boolean;
  isVirtualDoorBuilt(): boolean;
}

async function load(): Promise<BuildStep> {
  // Three folders up is the project's root from src/cli/virtual-door as from dist/cli/virtual-door.
  return (await import(new URL('../../../src/set-up/firmware.mjs', import.meta.url).href)) as BuildStep;
}

/** Path of the virtual door's program, built first where needed. Throws `not_built` with what is missing and how to get it. */
export async function builtVirtualDoor(stop?: AbortSignal): Promise<string> {
  const step = await load();
  try {
    return await step.ensureVirtualDoor(stop === undefined ? {} : { signal: stop });
  } catch (error) {
    throw new CommandFailure('not_built', error instanceof Error ? error.message : String(error));
  }
}

/** Why there can be no virtual door on this machine, in a line; undefined where there can be one. */
export async function whyNoVirtualDoor(): Promise<string | undefined> {
  const step = await load();
  if (!step.hasVirtualDoorSources()) return 'the firmware’s sources are not here';
  if (step.isVirtualDoorBuilt()) return undefined;
  const missing = step.missingForVirtualDoor();
  return missing.length === 0 ? undefined : `this machine lacks ${missing.join(', ')}`;
}
