/** What a door said of its running image when it registered (protocol 4.4): the only thing that counts as success (12.6). */
import { LRUCache } from 'lru-cache';
import semver from 'semver';
import { z } from 'zod';

import { versionSchema } from '../protocol/release.js';

const firmwareSchema = z.object({
  version: z.string(),
  board: z.string(),
  securityVersion: z.int(),
  sha256: z.string().optional(),
});
export type DoorFirmware = z.infer<typeof firmwareSchema>;

/** Reads the firmware of a door's last registration; `undefined` for a door that never registered. */
export type FirmwareReader = (doorId: string) => Promise<DoorFirmware | undefined>;

/** Thousands of doors say the same few things: each is read, and compared, once. */
const KNOWN = 1000;
const parsed = new LRUCache<string, { readonly firmware: DoorFirmware | undefined }>({ max: KNOWN });
const newer = new LRUCache<string, boolean>({ max: KNOWN });

/** Reads the stored JSON of a proof's `firmware`. */
export function parseFirmware(text: string | undefined): DoorFirmware | undefined {
  if (text === undefined) return undefined;
  let known = parsed.get(text);
  if (known === undefined) {
    known = { firmware: firmwareSchema.safeParse(JSON.parse(text)).data };
    parsed.set(text, known);
  }
  return known.firmware;
}

/** True when the door runs exactly this image, by its proof. */
export function isFirmware(
  firmware: DoorFirmware | undefined,
  image: { readonly version: string; readonly sha256: string },
): boolean {
  return firmware?.version === image.version && firmware.sha256 === image.sha256;
}

/** Why a door would refuse a release for what it runs already, in the words of protocol 12.7; `undefined` when it would take it. */
export function refusalFor(
  firmware: DoorFirmware,
  release: { readonly version: string; readonly securityVersion: number },
): 'downgrade' | 'security_version' | undefined {
  if (release.securityVersion < firmware.securityVersion) return 'security_version';
  return isNewer(release.version, firmware.version) ? undefined : 'downgrade';
}

/** A door whose version is no semver is offered every release and decides for itself. */
function isNewer(version: string, present: string): boolean {
  const pair = `${version} ${present}`;
  const known = newer.get(pair);
  if (known !== undefined) return known;
  const result = !versionSchema.safeParse(present).success || semver.compare(version, present) > 0;
  newer.set(pair, result);
  return result;
}
