import { expect } from 'chai';

import { runCommand } from '../../src/simulator/commands/pipeline.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { fixture } from '../protocol/fixtures.js';
import { BenchDoor } from './support/bench-door.js';
import { FakeTime } from './support/fake-time.js';

interface Vectors {
  readonly doorKeyPem: string;
  readonly doorId: string;
  readonly kid: string;
  readonly password: string;
  readonly cases: readonly {
    readonly name: string;
    readonly jwe: string;
    readonly nowMs: number;
    readonly deadline: number;
    readonly expect: { readonly code: string } | { readonly bare400: true };
  }[];
}

describe('the shared command vectors (test/fixtures/protocol/command-envelopes.json)', () => {
  const vectors = fixture<Vectors>('command-envelopes.json');
  const identity = DoorIdentity.fromPem(vectors.doorKeyPem);

  it('name the key they were made for', () => {
    expect(identity.kid).to.equal(vectors.kid);
  });

  for (const vector of vectors.cases) {
    it(vector.name, async () => {
      const door = new BenchDoor(identity, new FakeTime(vector.nowMs), {
        doorId: vectors.doorId,
        password: vectors.password,
      });
      const end = await runCommand(vector.jwe, vector.deadline, door);
      if ('bare400' in vector.expect) expect(end).to.deep.equal({ status: 400 });
      else expect(end.code).to.equal(vector.expect.code);
    });
  }
});
