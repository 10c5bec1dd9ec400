import { expect } from 'chai';

import { BATCH_GUARDS, BATCH_INVARIANTS, BATCH_START, batchSteps, type BatchGuard } from './batch-life.js';
import { explore, printed } from './checker.js';

/** A guard, and what breaks without it. */
const WITHOUT: Readonly<Record<BatchGuard, readonly (keyof typeof BATCH_INVARIANTS)[]>> = {
  'nothing goes again after a lost reply': ['once'],
  'nothing goes again of a function that stopped midway': ['once'],
  'only endings go again to a full store': ['full'],
  'a refusal is believed only where nothing has run': ['honest'],
  'items go in the order in which they came': ['order'],
  'two calls are outstanding at most': ['bounds'],
  'what is in line behind a lost reply is refused, and not sent': ['honest'],
};

/** Protocol 6.7 for calls that carry several items: every order in which the steps of `batch-life.ts` can come. */
describe('the model of a batch', function () {
  this.timeout(120_000);

  it('keeps every invariant, whatever comes between', () => {
    const guards = new Set(BATCH_GUARDS);
    const { states, taken, counterexample } = explore(BATCH_START, batchSteps(guards), Object.values(BATCH_INVARIANTS));
    expect(counterexample, counterexample && printed(counterexample)).to.equal(undefined);
    expect(states).to.be.above(1_000);
    for (const step of [
      'a call is sent',
      'the call runs',
      'the reply comes',
      'a reply is lost',
      'the function stops midway',
      'an error comes',
      'the store is full',
      'the refusal comes',
      'the library is gone',
      'it is loaded again',
      'the relay dies',
    ])
      expect(taken, step).to.include(step);
  });

  it('has something to lose in each invariant', () => {
    expect(Object.keys(WITHOUT)).to.have.members([...BATCH_GUARDS]);
    expect(new Set(Object.values(WITHOUT).flat())).to.deep.equal(new Set(Object.keys(BATCH_INVARIANTS)));
  });

  for (const [guard, names] of Object.entries(WITHOUT)) {
    for (const name of names) {
      it(`without «${guard}»: not «${BATCH_INVARIANTS[name].name}»`, () => {
        const guards = new Set(BATCH_GUARDS.filter((other) => other !== guard));
        const { counterexample } = explore(BATCH_START, batchSteps(guards), [BATCH_INVARIANTS[name]]);
        expect(counterexample, 'a counterexample').to.not.equal(undefined);
        expect(counterexample?.steps.length).to.be.within(1, 12);
      });
    }
  }
});
