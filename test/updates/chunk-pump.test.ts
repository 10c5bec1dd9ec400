import { expect } from 'chai';

import { ChunkPump, type ChunkTaker } from '../../src/updates/chunk-pump.js';
import { FakeClock } from '../support/fake-clock.js';

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

const clock = new FakeClock(0);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

describe('the chunk pump', () => {
  it('gives most to who began first, and everybody a block now and then', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    for (const name of ['a', 'b', 'c']) pump.want(new Taker(name, 6, log));
    while (log.length < 18) await turn();
    expect(log.join('')).to.equal('aaaabaabcbbbcbcccc');
    pump.stop();
  });

  it('lets other work have its turn after a few blocks', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    pump.want(new Taker('a', 300, log));
    const counts: number[] = [];
    while (log.length < 300) {
      await turn();
      counts.push(log.length);
    }
    expect(Math.max(...counts.map((count, index) => count - (counts[index - 1] ?? 0)))).to.equal(64);
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
    const ticking = new FakeClock(0);
    const log: string[] = [];
    const pump = new ChunkPump({ clock: ticking, bytesPerSecond: 40_960 });
    pump.want(new Taker('a', 1000, log));
    for (let step = 0; step < 400; step += 1) {
      ticking.time += 5;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // Twenty blocks in two seconds by its clock; how many of its steps fall into them is up to the machine's timers.
    expect(log.length).to.be.within(2, 22);
    pump.stop();
  });

  it('sends nothing to whom it has forgotten, and nothing once stopped', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    const gone = new Taker('gone', 5, log);
    pump.want(gone);
    pump.forget(gone);
    await aWhile();
    expect(log).to.deep.equal([]);
    pump.stop();
    pump.want(new Taker('late', 1, log));
    await aWhile();
    expect(log).to.deep.equal([]);
  });
});
