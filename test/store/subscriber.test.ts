import { EventEmitter } from 'node:events';

import { expect } from 'chai';
import type { Redis } from 'ioredis';

import { Subscriber } from '../../src/store/subscriber.js';
import { FakeClock, settle } from '../support/fake-clock.js';

/** What the subscriber uses of a connection of ioredis. */
class FakeConnection extends EventEmitter {
  status = 'wait';
  answersPing = true;

  constructor(readonly reachable: boolean) {
    super();
  }

  connect(): Promise<void> {
    this.status = this.reachable ? 'ready' : 'close';
    return this.reachable ? Promise.resolve() : Promise.reject(new Error('ECONNREFUSED'));
  }

  disconnect(): void {
    if (this.status === 'end') return;
    this.status = 'end';
    this.emit('end');
  }

  ping(): Promise<string> {
    return this.answersPing ? Promise.resolve('PONG') : Promise.reject(new Error('Command timed out'));
  }
}

describe('the subscriber connection, in its own time', () => {
  let clock: FakeClock;
  let reachable: boolean;
  let made: FakeConnection[];
  let subscriber: Subscriber;

  beforeEach(() => {
    clock = new FakeClock();
    reachable = true;
    made = [];
    subscriber = new Subscriber(() => {
      const connection = new FakeConnection(reachable);
      made.push(connection);
      return connection as unknown as Redis;
    }, clock);
  });
  afterEach(() => subscriber.close());

  it('is tried again after 50 ms, then twice as long each time, a second at most', async () => {
    reachable = false;
    const started = subscriber.start();
    await settle();
    for (const [failed, delayMs] of [50, 100, 200, 400, 800, 1000, 1000].entries()) {
      await clock.advance(delayMs - 1);
      expect(made).to.have.length(failed + 1);
      await clock.advance(1);
      expect(made).to.have.length(failed + 2);
    }
    reachable = true;
    await clock.advance(1000);
    await started;
  });

  it('that died without a word is noticed within two seconds, and made again at once', async () => {
    let back = 0;
    subscriber.onResubscribed(() => (back += 1));
    await subscriber.start();
    const [first] = made;
    if (first === undefined) throw new Error('no connection was made');
    await clock.advance(10_000);
    expect(made).to.have.length(1);
    first.answersPing = false;
    await clock.advance(1999);
    expect([made.length, back]).to.deep.equal([1, 0]);
    await clock.advance(1 + 50);
    expect([made.length, back, first.status]).to.deep.equal([2, 1, 'end']);
  });

  it('leaves no timer behind when it is closed, while connected or while it waits', async () => {
    await subscriber.start();
    await subscriber.close();
    expect(clock.pending).to.equal(0);
    reachable = false;
    const other = new Subscriber(() => new FakeConnection(false) as unknown as Redis, clock);
    void other.start();
    await settle();
    expect(clock.pending).to.equal(2);
    await other.close();
    expect(clock.pending).to.equal(0);
  });
});
