import type { StoreAccess } from '../../../../src/store/layout/layout-1.js';

export interface Stopping extends StoreAccess {
  /** Calls that were made. */
  readonly steps: number;
}

/** The process was killed: nothing it does reaches the store any more. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/**
 * A link whose owner is killed at its call number `step`, from 1 on: before it was sent, or after it was done and before anybody learnt of
 * it. Whatever else the owner does from then on fails too.
 */
export function stoppingAt(link: StoreAccess, step: number, when: 'before' | 'after'): Stopping {
  let steps = 0;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    steps += 1;
    const own = steps;
    if (own > step || (own === step && when === 'before')) throw new Killed();
    const result = await work();
    if (own === step) throw new Killed();
    return result;
  };
  return {
    get steps() {
      return steps;
    },
    call: (...call) => guarded(() => link.call(...call)),
    run: (work) => guarded(() => link.run(work)),
  };
}
