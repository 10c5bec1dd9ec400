import { expect } from 'chai';

import { ChunkPump, type ChunkTaker } from '../../src/firmware/chunk-pump.js';

/** Wants `left` blocks, and writes its name down for each it gets. */
class Taker implements ChunkTaker {
  behind = false;
  onServed: () => void = () => undefined;
  readonly #name: string;
  readonly #log: string[];
  left: number;

  constructor(name: string, left: number, log: string[]) {
    this.#name = name;
    this.left = left;
    this.#log = log;
  }

  get hungry(): boolean {
    return this.left > 0;
  }

  serve(): number {
    this.left -= 1;
    this.#log.push(this.#name);
    this.onServed();
    return 4096;
  }
}

const clock = { now: () => 0, monotonic: () => 0 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the chunk pump', () => {
  it('gives everybody a block before anybody gets a second', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    for (const taker of [new Taker('a', 3, log), new Taker('b', 2, log), new Taker('c', 1, log)]) pump.want(taker);
    while (log.length < 6) await turn();
    expect(log.join('')).to.equal('abcaba');
    pump.stop();
  });

  it('lets other work have its turn after a few blocks', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    pump.want(new Taker('a', 100, log));
    const counts: number[] = [];
    while (log.length < 100) {
      await turn();
      counts.push(log.length);
    }
    const steps = counts.map((count, index) => count - (counts[index - 1] ?? 0));
    expect(Math.max(...steps)).to.be.at.most(16);
    pump.stop();
  });

  it('passes over a door that does not read, and comes back to it', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    const slow = new Taker('slow', 1, log);
    slow.behind = true;
    pump.want(slow);
    pump.want(new Taker('fast', 2, log));
    while (log.length < 2) await turn();
    expect(log).to.deep.equal(['fast', 'fast']);
    const served = new Promise<void>((resolve) => {
      slow.onServed = resolve;
    });
    slow.behind = false;
    await served;
    expect(log).to.deep.equal(['fast', 'fast', 'slow']);
    pump.stop();
  });

  it('sends no more bytes a second than it may', async () => {
    let now = 0;
    const log: string[] = [];
    const pump = new ChunkPump({ clock: { now: () => now, monotonic: () => now }, bytesPerSecond: 40_960 });
    pump.want(new Taker('a', 1000, log));
    for (let step = 0; step < 400; step += 1) {
      now += 5;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // Two seconds by its clock: twenty blocks, one that overdraws, and what was saved up at the start. It waits on real timers, so how
    // many of them it sends depends on the machine; that it sends some, and no more, does not.
    expect(log.length).to.be.within(2, 22);
    pump.stop();
  });

  it('sends nothing to whom it has forgotten, and nothing once stopped', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    const gone = new Taker('gone', 5, log);
    pump.want(gone);
    pump.forget(gone);
    for (let index = 0; index < 5; index += 1) await turn();
    expect(log).to.deep.equal([]);
    pump.stop();
    pump.want(new Taker('late', 1, log));
    for (let index = 0; index < 5; index += 1) await turn();
    expect(log).to.deep.equal([]);
  });
});
