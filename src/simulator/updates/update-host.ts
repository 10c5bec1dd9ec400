import type { EventData } from '../../protocol/door-state.js';
import type { DoorClock } from '../door-clock.js';
import type { DoorSignals } from '../door-signals.js';
import type { DoorMemory } from '../memory.js';
import type { DoorSession } from '../session.js';
import type { DoorSettings } from '../settings.js';
import type { Signals } from '../signal.js';
import type { UpdateHost } from './door-updates.js';

/** The parts of a door that updates reach. */
interface UpdatingDoor {
  readonly settings: DoorSettings;
  readonly clock: DoorClock;
  readonly session: DoorSession;
  event(kind: 'update', data: EventData): void;
  restart(): void;
}

/** Gives updates what they need of a door, and nothing else. */
export function updateHost(door: UpdatingDoor, memory: DoorMemory, signals: Signals<DoorSignals>): UpdateHost {
  return {
    get releaseKeys() {
      return door.settings.releaseKeys;
    },
    now: () => door.clock.now(),
    send(frame, lost) {
      const { connection } = door.session;
      if (connection === undefined) lost?.();
      else connection.send(frame, lost);
    },
    step: (step) => signals.emit('update', step),
    event: (data) => door.event('update', data),
    persist: (update) => memory.update({ update }),
    fault: (error) => signals.emit('fault', { error }),
    restart: () => door.restart(),
    cutOff: () => door.session.kill(),
  };
}
