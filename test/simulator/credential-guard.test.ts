import { expect } from 'chai';

import { CredentialGuard } from '../../src/simulator/credential-guard.js';
import { FakeTime } from './support/fake-time.js';

const FRESH = { bad: 0, lockOuts: 0, locked: false };

describe('CredentialGuard (protocol 6.6)', () => {
  const bad = (guard: CredentialGuard, times: number): string[] =>
    Array.from({ length: times }, () => guard.check('wrong', 'right'));

  it('locks out at the fifth bad credential, and then even a good one is not told apart', () => {
    const guard = new CredentialGuard(new FakeTime(), FRESH);
    expect(bad(guard, 5)).to.deep.equal(['bad', 'bad', 'bad', 'bad', 'bad_now_locked']);
    expect(guard.check('right', 'right')).to.equal('locked_out');
    expect(guard.check('wrong', 'right')).to.equal('locked_out');
  });

  it('starts the count again after a good one', () => {
    const guard = new CredentialGuard(new FakeTime(), FRESH);
    bad(guard, 4);
    expect(guard.check('right', 'right')).to.equal('good');
    expect(bad(guard, 4)).to.not.include('bad_now_locked');
  });

  it('locks for 60 s, doubling to an hour', () => {
    const time = new FakeTime();
    const guard = new CredentialGuard(time, FRESH);
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      bad(guard, 5);
      time.advance(minutes * 60_000 - 1);
      expect(guard.lockedOut, `${minutes} min`).to.equal(true);
      time.advance(1);
      expect(guard.lockedOut, `${minutes} min`).to.equal(false);
    }
  });

  it('remembers guesses and lock-out across a restart', () => {
    const time = new FakeTime();
    const before = new CredentialGuard(time, FRESH);
    bad(before, 4);
    const after = new CredentialGuard(time, before.memory());
    expect(after.check('wrong', 'right')).to.equal('bad_now_locked');
    time.advance(50_000);
    const again = new CredentialGuard(time, after.memory());
    time.advance(59_999);
    expect(again.lockedOut).to.equal(true);
  });
});
