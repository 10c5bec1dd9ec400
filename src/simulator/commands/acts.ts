/** What a door can be told to do (protocol 6.3). Runs only after every check of protocol 6.6 has passed. */
import type { z } from 'zod';

import type { Act, ConfigureParams, unlockParamsSchema } from '../../protocol/command-body.js';
import type { DoorSettings } from '../settings.js';
import type { LockModel } from '../lock-model.js';

/** The parts of a door that acts work on. */
export interface ActingDoor {
  readonly lock: LockModel;
  readonly settings: DoorSettings;
  /** Stores new settings; resolves once they are safe. */
  configure(params: ConfigureParams): Promise<ActOutcome>;
  /** Makes and stores the key to rotate to; resolves with its id. */
  makeNextKey(): Promise<string>;
  /** Boots anew. */
  restart(): void;
  /** Registers again, with the next key if there is one. */
  registerAgain(): void;
}

export interface ActOutcome {
  readonly newKid?: string;
  /** Done once the result frame has been handed to the socket: it may cut the connection. */
  readonly afterwards?: () => void;
}

type Handlers = { readonly [A in Act]: (door: ActingDoor, params: unknown) => ActOutcome | Promise<ActOutcome> };

const DONE: ActOutcome = {};

/** `params` have passed the act's schema. A throw becomes the receipt code `failed`. */
export const ACT_HANDLERS: Handlers = {
  unlock(door, params) {
    const { holdMs } = params as z.infer<typeof unlockParamsSchema>;
    door.lock.unlock(holdMs ?? door.settings.autoRelockMs);
    return DONE;
  },

  lock(door) {
    door.lock.engage();
    return DONE;
  },

  status: () => DONE,

  configure: (door, params) => door.configure(params as ConfigureParams),

  restart: (door) => ({ afterwards: () => door.restart() }),

  async rotate_key(door) {
    const newKid = await door.makeNextKey();
    return { newKid, afterwards: () => door.registerAgain() };
  },
};
