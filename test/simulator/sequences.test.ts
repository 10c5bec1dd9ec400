import { expect } from 'chai';

import { runCommand } from '../../src/simulator/commands/pipeline.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { fixture } from '../protocol/fixtures.js';
import { BenchDoor } from './support/bench-door.js';
import { FakeTime } from './support/fake-time.js';

type Step = { readonly nowMs: number } & (
  | {
      readonly jwe: string;
      readonly deadline: number;
      readonly expect: { readonly code: string } | { readonly bare400: true };
    }
  | { readonly reboot: true }
  | { readonly clearMark: true }
  | { readonly keepalive: number }
  | { readonly challenge: string }
  | { readonly clock: 'sure' | 'unsure' }
);

interface Vectors {
  readonly doorKeyPem: string;
  readonly doorId: string;
  readonly password: string;
  readonly sequences: readonly {
    readonly name: string;
    /** `null`: SNTP never answers. */
    readonly sntpAheadMs: number | null;
    readonly steps: readonly Step[];
  }[];
}

describe('the shared command sequences (test/fixtures/protocol/command-sequences.json)', () => {
  const { doorKeyPem, doorId, password, sequences } = fixture<Vectors>('command-sequences.json');
  const identity = DoorIdentity.fromPem(doorKeyPem);

  for (const { name, sntpAheadMs, steps } of sequences) {
    it(name, async () => {
      const time = new FakeTime(steps[0]?.nowMs ?? 0);
      const sntp = (): number | undefined => (sntpAheadMs === null ? undefined : time.now() + sntpAheadMs);
      let door = new BenchDoor(identity, time, { doorId, password, sntp });
      for (const step of steps) {
        time.advance(step.nowMs - time.now());
        if ('reboot' in step) {
          const { mark, recent } = door;
          door = new BenchDoor(identity, time, { doorId, password, sntp, bootMark: mark, recent });
        } else if ('clearMark' in step) {
          door.clearMark(time);
        } else if ('keepalive' in step) {
          door.clock.relay(step.keepalive);
        } else if ('challenge' in step) {
          door.chosenBytes.push(Buffer.from(step.challenge, 'base64url'));
          expect(door.challenges.make()).to.equal(step.challenge);
        } else if ('clock' in step) {
          expect(door.describe().clock).to.equal(step.clock);
        } else {
          const end = await runCommand(step.jwe, step.deadline, door);
          if ('bare400' in step.expect) expect(end).to.deep.equal({ status: 400 });
          else expect(end.code).to.equal(step.expect.code);
        }
      }
    });
  }
});
