import type { DoorStore, PersistedDoor } from './store.js';

/** The persisted state of one door, changed as a whole and written at once. */
export class DoorMemory {
  readonly #store: DoorStore;
  #state: PersistedDoor;

  constructor(store: DoorStore, state: PersistedDoor) {
    this.#store = store;
    this.#state = state;
  }

  get state(): PersistedDoor {
    return this.#state;
  }

  /** Lays `changes` over the state and drops the members named in `without`. Resolves when it is safe. */
  update(changes: Partial<PersistedDoor>, without: readonly ('nextKey' | 'previous')[] = []): Promise<void> | void {
    const next: { -readonly [Name in keyof PersistedDoor]: PersistedDoor[Name] } = { ...this.#state, ...changes };
    for (const name of without) delete next[name];
    this.#state = next;
    return this.#store.save(next);
  }
}
