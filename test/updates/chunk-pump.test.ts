import { expect } from 'chai';

import { ChunkPump, type ChunkTaker } from '../../src/updates/chunk-pump.js';
import { FakeClock } from '../support/fake-clock.js';

/** Wants `left` blocks, and writes its name down for each it gets. */
class Taker implements ChunkTaker {
  behind = false;
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
    return 4096;
  }
}

const STEP_MS = 5;

describe('the chunk pump', () => {
  let clock: FakeClock;

  beforeEach(() => {
    clock = new FakeClock(0);
  });

  it('gives most to who began first, and everybody a block now and then', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    for (const name of ['a', 'b', 'c']) pump.want(new Taker(name, 6, log));
    await clock.advance(STEP_MS);
    expect(log.join('')).to.equal('aaaabaabcbbbcbcccc');
    pump.stop();
  });

  it('lets other work have its turn after a few blocks', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    pump.want(new Taker('a', 300, log));
    const counts: number[] = [];
    while (log.length < 300) {
      await clock.advance(STEP_MS);
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
    await clock.advance(10 * STEP_MS);
    expect(log).to.deep.equal(['fast', 'fast']);
    slow.behind = false;
    await clock.advance(STEP_MS);
    expect(log).to.deep.equal(['fast', 'fast', 'slow']);
    pump.stop();
  });

  it('sends no more bytes a second than it may', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 40_960 });
    pump.want(new Taker('a', 1000, log));
    await clock.advance(2000);
    // Twenty in two seconds, and the one that its last bytes began.
    expect(log.length).to.be.within(20, 21);
    pump.stop();
  });

  it('sends nothing to whom it has forgotten, and nothing once stopped', async () => {
    const log: string[] = [];
    const pump = new ChunkPump({ clock, bytesPerSecond: 0 });
    const gone = new Taker('gone', 5, log);
    pump.want(gone);
    pump.forget(gone);
    await clock.advance(10 * STEP_MS);
    expect(log).to.deep.equal([]);
    pump.stop();
    pump.want(new Taker('late', 1, log));
    await clock.advance(10 * STEP_MS);
    expect(log).to.deep.equal([]);
  });
});
