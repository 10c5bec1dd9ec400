import { expect } from 'chai';

import { LockModel } from '../../src/simulator/lock-model.js';
import { FakeTime } from './support/fake-time.js';

describe('LockModel', () => {
  let time: FakeTime;
  let events: string[];
  let lock: LockModel;

  beforeEach(() => {
    time = new FakeTime();
    events = [];
    lock = new LockModel(time, { event: (kind) => events.push(kind) });
  });

  it('begins locked and reports no contact it does not have', () => {
    expect(lock.reading()).to.deep.equal({ lock: 'locked' });
  });

  it('relocks by itself after the hold', () => {
    lock.unlock(5000);
    time.advance(4999);
    expect(lock.lock).to.equal('unlocked');
    time.advance(1);
    expect(lock.lock).to.equal('locked');
    expect(events).to.deep.equal(['unlocked', 'locked']);
  });

  it('stays unlocked with a hold of 0, until told otherwise', () => {
    lock.unlock(5000);
    lock.unlock(0);
    time.advance(3_600_000);
    expect(lock.lock).to.equal('unlocked');
    lock.engage();
    expect(events).to.deep.equal(['unlocked', 'locked']);
  });

  it('counts a new hold from its own unlock', () => {
    lock.unlock(5000);
    time.advance(4000);
    lock.unlock(5000);
    time.advance(4000);
    expect(lock.lock).to.equal('unlocked');
  });

  it('reports a door forced open, and one held open', () => {
    lock.setContact('open');
    time.advance(30_000);
    lock.setContact('closed');
    lock.unlock(0);
    lock.setContact('open');
    lock.setContact('closed');
    time.advance(60_000);
    expect(events).to.deep.equal(['forced_open', 'held_open', 'unlocked']);
  });

  it('is locked, silent and without timers after a reset', () => {
    lock.unlock(5000);
    lock.setContact('open');
    events.length = 0;
    lock.reset();
    time.advance(100_000);
    expect(lock.lock).to.equal('locked');
    expect(events).to.deep.equal([]);
  });
});
