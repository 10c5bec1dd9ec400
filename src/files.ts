/** Files that appear whole or not at all, also when several processes write them at once or the power goes. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Permission bits of a directory that only its owner may use. */
export const OWNER_ONLY_DIRECTORY = 0o700;

/** Permission bits of a file that only its owner may read. */
export const OWNER_ONLY = 0o600;

/**
 * The content of `path`, which is `make()`'s if the file did not exist. Of several processes at once exactly one creates
 * it and all get the same content.
 */
export function readOrCreate(path: string, mode: number, make: () => string): string {
  const existing = readIfThere(path);
  if (existing !== undefined) return existing;
  createFile(path, mode, make());
  return readFileSync(path, 'utf8');
}

/** Creates a file with its directory, unless it exists. True for the one caller, of all processes, that created it. */
export function createFile(path: string, mode: number, content: string): boolean {
  mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_DIRECTORY });
  const temporary = writeTemporary(path, mode, content);
  try {
    // A hard link fails when the name is taken; a rename would replace what another process already uses.
    linkSync(temporary, path);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncDirectory(path);
  return true;
}

/** Writes `content` in place of whatever `path` held. */
export function replaceFile(path: string, mode: number, content: string): void {
  const temporary = writeTemporary(path, mode, content);
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(path);
}

/** The file's text; `undefined` when there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * True when the mode of a file or directory lets others in. What belongs to somebody else, and is ours to read through a
 * group, may be read by that group: `chmod 600` would take it from us.
 */
export function isOpenToOthers({ mode, uid }: { readonly mode: number; readonly uid: number }): boolean {
  const isOwn = uid === (process.getuid?.() ?? uid);
  return (mode & (isOwn ? 0o077 : 0o027)) !== 0;
}

/** True for a system error with this code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function writeTemporary(path: string, mode: number, content: string): string {
  // The name only has to be this process's own; it holds no secret.
  const temporary = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`;
  const file = openSync(temporary, 'wx', mode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
    return temporary;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
