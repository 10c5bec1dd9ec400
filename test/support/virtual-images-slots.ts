/** The slots of a virtual door as they lie on the disk: firmware-arduino/host/slot_state.h. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sha256Of } from './virtual-images.js';

export type SlotName = 'factory' | 'a' | 'b';
export type Trial = 'none' | 'new' | 'pending' | 'valid' | 'aborted';

export interface SlotState {
  readonly active: SlotName;
  readonly previous: SlotName;
  readonly trial: Trial;
}

export class Slots {
  readonly #folder: string;

  constructor(readonly stateDir: string) {
    this.#folder = join(stateDir, 'slots');
  }

  /** What the door would boot; undefined before the first update. Throws when the file is not whole. */
  get state(): SlotState | undefined {
    const path = this.path('state');
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'utf8');
    const found =
      /^openlock-slots 1\nactive (factory|a|b)\nprevious (factory|a|b)\ntrial (none|new|pending|valid|aborted)\na \d+ [0-9a-f]{64}\nb \d+ [0-9a-f]{64}\n$/.exec(
        text,
      );
    if (found === null) throw new Error(`not a state: ${JSON.stringify(text)}`);
    return { active: found[1] as SlotName, previous: found[2] as SlotName, trial: found[3] as Trial };
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  image(slot: 'a' | 'b'): Buffer {
    return readFileSync(this.path(slot));
  }

  /** As before the first update. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** By hand, as an update would leave it. */
  put(state: SlotState, images: Partial<Record<'a' | 'b', Buffer>>): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const lines = (['a', 'b'] as const).map((slot) => {
      const image = images[slot];
      if (image !== undefined) writeFileSync(this.path(slot), image, { mode: 0o700 });
      return image === undefined ? `${slot} 0 ${'0'.repeat(64)}` : `${slot} ${image.length} ${sha256Of(image)}`;
    });
    writeFileSync(
      this.path('state'),
      `openlock-slots 1\nactive ${state.active}\nprevious ${state.previous}\ntrial ${state.trial}\n${lines.join('\n')}\n`,
    );
  }
}
