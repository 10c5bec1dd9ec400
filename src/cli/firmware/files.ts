/** The files of `openlock firmware …`: read with bounds, written without ever replacing a key. */
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import type { ImageSource } from '../../updates/image-reader.js';
import { CommandFailure, UsageError } from '../support/failure.js';

/** The text of a small file. Throws CommandFailure when it is longer than `maxBytes`. */
export function readTextFile(path: string, maxBytes: number): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length <= maxBytes; length += read)
      read = readSync(file, buffer, length, buffer.length - length, null);
    if (length > maxBytes)
      throw new CommandFailure(
        'payload_too_large',
        `${path} has more than ${maxBytes} bytes; this is not the file that is wanted here.`,
      );
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}

/** An image that is read twice: once for its hash, once on its way out. */
export function imageFile(path: string): ImageSource {
  if (!statSync(path).isFile()) throw new UsageError(`${path} is not a regular file.`);
  return { read: () => createReadStream(path) as AsyncIterable<Buffer> };
}

/** Throws CommandFailure when one of the files is there. */
export function refuseExisting(paths: readonly string[]): void {
  const there = paths.find((path) => existsSync(path));
  if (there !== undefined) throw exists(there);
}

/** Creates a file with these permissions and leaves it whole on the disk, or leaves none; never replaces one. */
export function writeNewFile(path: string, mode: number, content: string): void {
  let file: number;
  try {
    // No temporary name and hard link as elsewhere: a USB stick's file system has no hard links.
    file = openSync(path, 'wx', mode);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(path);
    throw error;
  }
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** True when others than its owner may read the file: set so, or a file system without permissions. */
export function isReadableByOthers(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0;
}

const exists = (path: string): CommandFailure =>
  new CommandFailure('file_exists', `${path} exists, and a key is never replaced; choose another name with --out.`);
