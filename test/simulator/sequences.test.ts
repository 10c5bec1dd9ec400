import { expect } from 'chai';

import { runCommand } from '../../src/simulator/commands/pipeline.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { fixture } from '../protocol/fixtures.js';
import { BenchDoor } from './support/bench-door.js';
import { FakeTime } from './support/fake-time.js';

interface Vectors {
  readonly doorKeyPem: string;
  readonly doorId: string;
  readonly password: string;
  readonly sequences: readonly {
    readonly name: string;
    readonly steps: readonly {
      readonly jwe?: string;
      readonly nowMs: number;
      readonly reboot?: true;
      readonly expect?: { readonly codes: readonly string[] };
    }[];
  }[];
}

describe('the shared command sequences (test/fixtures/protocol/command-sequences.json)', () => {
  const { doorKeyPem, doorId, password, sequences } = fixture<Vectors>('command-sequences.json');
  const identity = DoorIdentity.fromPem(doorKeyPem);

  for (const { name, steps } of sequences) {
    it(name, async () => {
      let time = new FakeTime(steps[0]?.nowMs ?? 0);
      let door = new BenchDoor(identity, time, { doorId, password });
      for (const step of steps) {
        time.advance(step.nowMs - time.now());
        if (step.reboot === true) {
          time = new FakeTime(step.nowMs);
          door = new BenchDoor(identity, time, { doorId, password, bootMark: door.mark });
        }
        if (step.jwe === undefined || step.expect === undefined) continue;
        const end = await runCommand(step.jwe, step.nowMs + 5_000, door);
        expect(step.expect.codes).to.include(end.code);
      }
    });
  }
});
