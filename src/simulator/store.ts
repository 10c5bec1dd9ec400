/** What a door keeps across a restart, and where. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { GuardMemory } from './credential-guard.js';
import type { DoorSettings } from './settings.js';
import type { UpdateMemory } from './updates/update-memory.js';

export interface PersistedDoor {
  readonly version: 1;
  /** Private key, PKCS#8 PEM. */
  readonly key: string;
  /** The key that `rotate_key` made, until the relay has taken it. */
  readonly nextKey?: string;
  /** Highest `iat` ever accepted, Unix ms (protocol 6.6). */
  readonly mark: number;
  /** `jti` of the last commands accepted, oldest first. */
  readonly recent?: readonly string[];
  /** Highest epoch ever given (protocol 5.1). */
  readonly epoch: number;
  readonly guard: GuardMemory;
  readonly settings: DoorSettings;
  /** Settings to go back to while `settings` are on probation. */
  readonly previous?: DoorSettings;
  /** Absent until the first update. */
  readonly update?: UpdateMemory;
}

export interface DoorStore {
  load(): Promise<PersistedDoor | undefined>;
  /** When this returns, or its promise is kept, the state survives power loss. */
  save(state: PersistedDoor): Promise<void> | void;
}

/** Forgets with the process. */
export class MemoryStore implements DoorStore {
  #state: PersistedDoor | undefined;

  load(): Promise<PersistedDoor | undefined> {
    return Promise.resolve(this.#state);
  }

  save(state: PersistedDoor): void {
    this.#state = state;
  }
}

/**
 * One JSON file in a directory of the door's own, written whole and renamed into place: a crash leaves the old or the
 * new state. It holds the private key and the door password in the clear, readable by its owner only; a real door seals
 * them. One process a directory.
 */
export class DirectoryStore implements DoorStore {
  readonly #dir: string;
  #last: Promise<void> = Promise.resolve();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async load(): Promise<PersistedDoor | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#dir, 'door.json'), 'utf8')) as PersistedDoor;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  save(state: PersistedDoor): Promise<void> {
    // One after the other: a slow older write must not land on top of a newer one.
    const saved = this.#last.then(() => this.#write(state));
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  async #write(state: PersistedDoor): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const temporary = join(this.#dir, `door.json.${randomUUID()}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.#dir, 'door.json'));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const dir = await open(this.#dir, 'r');
    try {
      await dir.sync();
    } finally {
      await dir.close();
    }
  }
}
