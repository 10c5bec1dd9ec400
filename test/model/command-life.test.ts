import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { explore, printed } from './checker.js';
import { INITIAL, INVARIANTS, stepsOf } from './command-life.js';
import { GUARDS, STORE_FUNCTIONS, type Guard } from './store-model.js';

/** A guard, and what breaks without it. */
const WITHOUT: Readonly<Record<Guard, readonly (keyof typeof INVARIANTS)[]>> = {
  'admit: an envelope that is known is replayed': ['once', 'expired', 'claimed', 'changes'],
  'admit: claimed only for the connection that is live': ['claimed'],
  'overdue: only past the deadline': ['changes'],
  'overdue: a claimed command may have run': ['expired'],
  'claim: only what is pending': ['once', 'changes'],
  'claim: not past the deadline': ['changes'],
  'claim: only for the connection that is live': ['claimed'],
  'settle: only what is claimed or indeterminate': ['changes'],
  'abandon: only what is claimed': ['changes'],
  'relay: writes nothing before the reply': ['once', 'expired', 'claimed'],
  'relay: writes nothing after a lost reply': ['once', 'expired', 'claimed'],
  'relay: writes to the connection it claimed for': ['claimed'],
  'relay: `claimed` without the envelope is the claim of somebody else': ['once', 'expired', 'claimed'],
  'relay: abandons only what was not written': ['expired'],
  'relay: assumes nothing when the store cannot be read': ['expired', 'executed'],
};

/** Protocol 6.7, by exhaustion: every order in which the steps of `command-life.ts` can come. */
describe('the model of a command that is sent at most once', function () {
  this.timeout(120_000);

  it('names its calls of the store as redis/functions/commands.lua does', () => {
    const lua = readFileSync(new URL('../../redis/functions/commands.lua', import.meta.url), 'utf8');
    const registered = [...lua.matchAll(/^ {2}item\('(\w+)'/gm)].map(([, name]) => name);
    expect(Object.keys(STORE_FUNCTIONS)).to.have.members(registered);
    expect(lua).to.include('local function overdue(');
  });

  it('keeps every invariant, whatever comes between', () => {
    const { states, taken, counterexample } = explore(INITIAL, stepsOf(new Set(GUARDS)), Object.values(INVARIANTS));
    expect(counterexample, counterexample && printed(counterexample)).to.equal(undefined);
    expect(states).to.be.above(50_000);
    for (const name of Object.keys(STORE_FUNCTIONS)) expect(taken, name).to.include(name);
    for (const step of [
      "admit's reply is lost",
      "claim's reply is lost",
      'time is up, and read is lost',
      'settle, again',
      'admit, of the same envelope again',
      'a relay dies',
      'the door connects anew',
      'the old connection is closed',
      'the new connection breaks',
      'the deadline passes',
      'the door runs it',
      'the door says no',
    ])
      expect(taken, step).to.include(step);
  });

  it('has something to lose in each invariant, and each guard something to keep', () => {
    expect(Object.keys(WITHOUT)).to.have.members([...GUARDS]);
    expect(new Set(Object.values(WITHOUT).flat())).to.deep.equal(new Set(Object.keys(INVARIANTS)));
  });

  for (const [guard, names] of Object.entries(WITHOUT)) {
    for (const name of names) {
      it(`without «${guard}»: not «${INVARIANTS[name].name}»`, () => {
        const guards = new Set(GUARDS.filter((other) => other !== guard));
        const { counterexample } = explore(INITIAL, stepsOf(guards), [INVARIANTS[name]]);
        expect(counterexample, 'a counterexample').to.not.equal(undefined);
        expect(counterexample?.steps.length).to.be.within(1, 12);
      });
    }
  }

  it('prints a counterexample for people', () => {
    const guards = new Set(GUARDS.filter((guard) => guard !== 'claim: only for the connection that is live'));
    const { counterexample } = explore(INITIAL, stepsOf(guards), [INVARIANTS.claimed]);
    if (counterexample === undefined) throw new Error('there is no counterexample');
    expect(printed(counterexample).split('\n').slice(0, -1)).to.deep.equal([
      `broken: ${INVARIANTS.claimed.name}`,
      '   1. the site asks (A sees connection 1)',
      '   2. admit, of the same envelope again (B sees connection 0: pending)',
      '   3. a hint comes (A sees connection 1)',
      '   4. the door connects anew (A)',
      '   5. claim (A, connection 1: claimed, with the envelope)',
      "   6. claim's reply comes (A)",
    ]);
  });
});

describe('the model checker', () => {
  const upTo = (end: number) => (at: number) =>
    at < end ? [1, 2].map((by) => ({ label: `${by} more`, next: at + by })) : [];

  it('visits every state, and finds a shortest way to one that must not be', () => {
    expect(explore(0, upTo(10), []).states).to.equal(12);
    const never = { name: 'never 7', holds: (at: number) => at !== 7 };
    expect(explore(0, upTo(10), [never]).counterexample?.steps).to.deep.equal(['1 more', '2 more', '2 more', '2 more']);
  });

  it('does not take a search that was cut short for a proof', () => {
    expect(() => explore(0, upTo(10), [], 5)).to.throw('more than 5 states');
  });
});
