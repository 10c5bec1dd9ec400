import { expect } from 'chai';

import { systemRandom } from '../../src/simulator/ambient.js';
import { Challenges } from '../../src/simulator/challenges.js';
import { FakeTime } from './support/fake-time.js';

describe('Challenges (protocol 19.4)', () => {
  let time: FakeTime;
  let challenges: Challenges;

  beforeEach(() => {
    time = new FakeTime();
    challenges = new Challenges(time, systemRandom);
  });

  it('are 32 bytes and never the same', () => {
    const made = Array.from({ length: 100 }, () => challenges.make());
    expect(new Set(made).size).to.equal(100);
    for (const challenge of made) expect(challenge).to.match(/^[A-Za-z0-9_-]{43}$/);
  });

  it('live for 30 s', () => {
    const challenge = challenges.make();
    time.advance(30_000);
    expect(challenges.isLive(challenge)).to.equal(true);
    time.advance(1);
    expect(challenges.isLive(challenge)).to.equal(false);
  });

  it('are sixteen; one more pushes out the oldest', () => {
    const made = Array.from({ length: 16 }, () => challenges.make());
    expect(made.every((challenge) => challenges.isLive(challenge))).to.equal(true);
    const seventeenth = challenges.make();
    expect(made.map((challenge) => challenges.isLive(challenge))).to.deep.equal([
      false,
      ...made.slice(1).map(() => true),
    ]);
    expect(challenges.isLive(seventeenth)).to.equal(true);
  });

  it('are spent once burnt, and leave their place free', () => {
    const made = Array.from({ length: 16 }, () => challenges.make());
    challenges.burn(made[7] ?? '');
    expect(challenges.isLive(made[7] ?? '')).to.equal(false);
    challenges.make();
    expect(challenges.isLive(made[0] ?? '')).to.equal(true);
  });

  it('know none they did not make', () => {
    expect(challenges.isLive('A'.repeat(43))).to.equal(false);
  });
});
