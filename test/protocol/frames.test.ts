import { expect } from 'chai';
import fc from 'fast-check';

import { clientFrameSchema, relayToClientFrameSchema } from '../../src/protocol/client-frames.js';
import { doorFrameSchema, relayFrameSchema, resultSchema } from '../../src/protocol/door-frames.js';
import { parseStrictJson } from '../../src/protocol/strict-json.js';
import { fixture } from './fixtures.js';

type Texts = { readonly valid: readonly string[]; readonly invalid: readonly string[] };
type Direction = 'doorToRelay' | 'relayToDoor' | 'clientToRelay' | 'relayToClient';

const SCHEMAS = {
  doorToRelay: doorFrameSchema,
  relayToDoor: relayFrameSchema,
  clientToRelay: clientFrameSchema,
  relayToClient: relayToClientFrameSchema,
};

function takes(direction: Direction, text: string): boolean {
  try {
    return SCHEMAS[direction].safeParse(parseStrictJson(text)).success;
  } catch {
    return false;
  }
}

describe('socket frames', () => {
  const vectors = fixture<Record<Direction, Texts>>('frames.json');

  for (const direction of Object.keys(SCHEMAS) as Direction[]) {
    it(`${direction}: takes every valid vector`, () => {
      for (const text of vectors[direction].valid) expect(takes(direction, text), text).to.equal(true);
    });

    it(`${direction}: refuses every invalid vector`, () => {
      for (const text of vectors[direction].invalid) expect(takes(direction, text), text).to.equal(false);
    });

    it(`${direction}: takes or refuses any value without throwing`, () => {
      fc.assert(
        fc.property(fc.anything(), fc.constantFrom(...vectors[direction].valid), fc.string(), (value, text, member) => {
          SCHEMAS[direction].safeParse(value);
          SCHEMAS[direction].safeParse({ ...(JSON.parse(text) as object), [member]: value });
        }),
      );
    });
  }

  it('reads a reason for refusal that it does not know as none, so that the result still counts', () => {
    const frame = { t: 'result', id: 'A'.repeat(43), status: 400, refusal: 'weather' };
    expect(resultSchema.parse(frame).refusal).to.equal(undefined);
    expect(resultSchema.parse({ ...frame, refusal: 'credential' }).refusal).to.equal('credential');
  });
});
