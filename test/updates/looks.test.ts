import { expect } from 'chai';

import { Looks } from '../../src/updates/looks.js';
import { FakeClock, settle } from '../support/fake-clock.js';

describe('looks at the store', () => {
  let begun: number;
  let finish: (() => void)[];
  let failures: unknown[];
  let clock: FakeClock;
  let looks: Looks;

  beforeEach(() => {
    begun = 0;
    finish = [];
    failures = [];
    clock = new FakeClock();
    looks = new Looks(
      clock,
      () => {
        begun += 1;
        return new Promise((resolve) => finish.push(resolve));
      },
      (error) => failures.push(error),
    );
  });

  it('begin at once, and never two at a time', async () => {
    looks.soon();
    looks.soon();
    looks.soon();
    await settle();
    expect(begun).to.equal(1);
  });

  it('are followed by one more, however often one was asked for meanwhile', async () => {
    for (let times = 0; times < 5; times += 1) looks.soon();
    finish.shift()?.();
    await clock.advance(250);
    expect(begun).to.equal(2);
    finish.shift()?.();
    await clock.advance(1000);
    expect(begun).to.equal(2);
    looks.soon();
    expect(begun).to.equal(3);
  });

  it('leave commands time between them, however often and fast something changes', async () => {
    const quick = new Looks(
      clock,
      () => Promise.resolve(void (begun += 1)),
      () => undefined,
    );
    for (let ms = 0; ms < 999; ms += 1) {
      quick.soon();
      await clock.advance(1);
    }
    expect(begun).to.equal(4);
    await clock.advance(1000);
    expect(begun).to.equal(5); // what changed last was not forgotten
    quick.soon();
    quick.soon();
    await quick.stop();
    await clock.advance(1000);
    expect(begun).to.equal(6);
    expect(clock.pending).to.equal(0);
  });

  it('go on after one that failed', async () => {
    let fails = true;
    const shaky = new Looks(
      clock,
      () => (fails ? Promise.reject(new Error('the store is away')) : Promise.resolve(void (begun += 1))),
      (error) => failures.push(error),
    );
    shaky.soon();
    await settle();
    expect(failures).to.have.length(1);
    fails = false;
    shaky.soon();
    await clock.advance(250);
    expect(begun).to.equal(1);
  });

  it('end with the one under way once stopped', async () => {
    looks.soon();
    looks.soon();
    let stopped = false;
    const stopping = looks.stop().then(() => (stopped = true));
    await settle();
    expect(stopped).to.equal(false);
    finish.shift()?.();
    await stopping;
    looks.soon();
    await settle();
    expect(begun).to.equal(1);
  });
});
