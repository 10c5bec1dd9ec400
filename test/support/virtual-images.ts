/** Images for virtual doors: other releases of the built program, made by writing into its descriptor, and images that go wrong. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { builtVirtualDoor } from '../../src/cli/virtual-door/build-step.js';
import { makeRelease, type ReleaseKey, type ReleaseRequest, type TestRelease } from './releases.js';

/** As firmware-arduino/host/image_descriptor.h lays it out. */
const MAGIC = Buffer.from('esplock-image-1\0');
const VERSION = { at: 16, bytes: 72 };
const BOARD = { at: 88, bytes: 72 };
const SECURITY_VERSION_AT = 160;

export interface ImageTraits {
  readonly version?: string;
  readonly board?: string;
  readonly securityVersion?: number;
  /** Bytes the image is to have, by padding that differs from version to version; at least what it has. */
  readonly size?: number;
}

export interface ImageDescription {
  readonly version: string;
  readonly board: string;
  readonly securityVersion: number;
}

/** Ways to go wrong: see firmware-arduino/test/images. */
export type Fault = 'crashes' | 'hangs' | 'unreachable';

/** The virtual door as it is built, as a file of bytes. */
export async function builtImage(): Promise<Buffer> {
  return readFileSync(await builtVirtualDoor());
}

/** The whole virtual door with one fault, built where it is not current. */
export async function faultyImage(fault: Fault): Promise<Buffer> {
  const folder = dirname(await builtVirtualDoor());
  const { must } = (await import(new URL('../../src/set-up/processes.mjs', import.meta.url).href)) as {
    must: (what: string, command: string, args: readonly string[], options: object) => Promise<unknown>;
  };
  await must('Building the images for the tests', 'cmake', ['--build', folder, '--target', 'bad-images'], {
    cwd: folder,
    limitMs: 10 * 60_000,
  });
  return readFileSync(join(folder, `image-${fault}`));
}

/** An image that is no door at all: a script. */
export function scriptImage(command: string): Buffer {
  return Buffer.from(`#!/bin/sh\n${command}\n`);
}

/** Another release of `image`. */
export function asRelease(image: Buffer, traits: ImageTraits): Buffer {
  const made = Buffer.from(image);
  const at = descriptorAt(made);
  if (traits.version !== undefined) writeText(made, at + VERSION.at, VERSION.bytes, traits.version);
  if (traits.board !== undefined) writeText(made, at + BOARD.at, BOARD.bytes, traits.board);
  if (traits.securityVersion !== undefined) made.writeUInt32LE(traits.securityVersion, at + SECURITY_VERSION_AT);
  if (traits.size === undefined) return made;
  if (traits.size < made.length) throw new Error(`an image of ${made.length} bytes cannot be one of ${traits.size}`);
  return Buffer.concat([
    made,
    padding(traits.size - made.length, `${traits.version ?? ''} ${traits.securityVersion ?? ''}`),
  ]);
}

/** The release the image asks for by its descriptor, but for what is given; one that is no door needs a `version`. */
export function releaseOf(key: ReleaseKey, image: Buffer, over: Partial<ReleaseRequest> = {}): TestRelease {
  const described = isDoor(image) ? describeImage(image) : { version: '0.0.0', board: 'host', securityVersion: 1 };
  return makeRelease({ key, image, ...described, ...over });
}

/** False for a script, and for what is cut off. */
export const isDoor = (image: Buffer): boolean => image.includes(MAGIC);

export function describeImage(image: Buffer): ImageDescription {
  const at = descriptorAt(image);
  return {
    version: readText(image, at + VERSION.at, VERSION.bytes),
    board: readText(image, at + BOARD.at, BOARD.bytes),
    securityVersion: image.readUInt32LE(at + SECURITY_VERSION_AT),
  };
}

/** As releases and proofs name an image: SHA-256 in lower-case hex. */
export function sha256Of(image: Uint8Array): string {
  return createHash('sha256').update(image).digest('hex');
}

/** Bytes no two blocks of which are alike, so that a block in the wrong place shows. */
function padding(length: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let made = 0; made < length; made += 32) blocks.push(createHash('sha256').update(`${seed} ${made}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

function descriptorAt(image: Buffer): number {
  const at = image.indexOf(MAGIC);
  if (at < 0 || image.includes(MAGIC, at + 1)) throw new Error('not exactly one descriptor in the image');
  return at;
}

function writeText(image: Buffer, at: number, bytes: number, text: string): void {
  if (Buffer.byteLength(text) >= bytes) throw new Error(`${text} does not fit the descriptor`);
  image.fill(0, at, at + bytes).write(text, at);
}

function readText(image: Buffer, at: number, bytes: number): string {
  const field = image.subarray(at, at + bytes);
  return field.subarray(0, field.indexOf(0)).toString('latin1');
}
