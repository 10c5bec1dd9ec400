import { compareEnvelopes, compareFrames } from '../support/reader-comparisons.js';
import { SEED } from '../support/spellings.js';

/** In numbers that find what is rare: `npm run test:long`. */
describe(`half a million spellings of each frame and of an envelope (seed ${SEED})`, () => {
  it('of frames are read as strictly', () => compareFrames(500_000));
  it('of an envelope are read as strictly', () => compareEnvelopes(500_000));
});
