import type { SimulatedDoor } from '../../../../src/simulator/door.js';
import type { UpdateStep } from '../../../../src/simulator/updates/options.js';

interface At {
  /** Monotonic ms. */
  readonly at: number;
}

/** A door with a diary: what it was offered on which connection, and what became of it. */
export class Watched {
  readonly steps: (UpdateStep & At)[] = [];
  /** Update ids offered, connection by connection. */
  readonly offers: string[][] = [[]];
  readonly executed: At[] = [];

  constructor(readonly door: SimulatedDoor) {
    door.on('update', (step) => {
      this.steps.push({ ...step, at: performance.now() });
      if (step.phase === 'offer') this.offers.at(-1)?.push(step.id);
    });
    // Offers come after the welcome, and a connection that ended brings none.
    door.on('offline', () => this.offers.push([]));
    door.on('execution', () => this.executed.push({ at: performance.now() }));
  }

  get doorId(): string {
    return this.door.doorId;
  }

  get version(): string {
    return this.door.firmware.version;
  }

  /** The first step of this phase so far. */
  step(phase: UpdateStep['phase']): (UpdateStep & At) | undefined {
    return this.steps.find((step) => step.phase === phase);
  }

  count(phase: UpdateStep['phase']): number {
    return this.steps.filter((step) => step.phase === phase).length;
  }

  /** The next step, past or future, of this phase. */
  reaches(phase: UpdateStep['phase']): Promise<UpdateStep> {
    const past = this.step(phase);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const off = this.door.on('update', (step) => {
        if (step.phase !== phase) return;
        off();
        resolve(step);
      });
    });
  }

  /** True when no connection was offered anything twice, which the relay promises (protocol 12.4). */
  get offeredOncePerConnection(): boolean {
    return this.offers.every((ids) => new Set(ids).size === ids.length);
  }
}
