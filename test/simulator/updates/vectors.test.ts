import { expect } from 'chai';

import { UpdateError } from '../../../src/protocol/release.js';
import { judgeManifest } from '../../../src/simulator/updates/manifest-check.js';
import { factoryMemory } from '../../../src/simulator/updates/update-memory.js';
import { fixture } from '../../protocol/fixtures.js';

interface Vectors {
  readonly door: {
    readonly board: string;
    readonly version: string;
    readonly securityVersion: number;
    readonly capacity: number;
    readonly nowMs: number;
  };
  readonly keys: readonly { readonly publicKeyPem: string }[];
  readonly cases: readonly { readonly name: string; readonly code: string; readonly manifest: string }[];
}

describe('the shared release vectors (test/fixtures/protocol/releases.json), by the simulated door', () => {
  const { door, keys, cases } = fixture<Vectors>('releases.json');
  const { board, version, securityVersion, capacity, nowMs } = door;
  const judging = {
    releaseKeys: keys.map(({ publicKeyPem }) => publicKeyPem),
    memory: factoryMemory({ board, version, securityVersion }),
    now: nowMs,
    slotBytes: capacity,
  };

  function verdict(manifest: string): string {
    try {
      judgeManifest(manifest, judging);
      return 'ok';
    } catch (error) {
      if (error instanceof UpdateError) return error.code;
      throw error;
    }
  }

  for (const { name, code, manifest } of cases) {
    it(`${name}: ${code}`, () => expect(verdict(manifest)).to.equal(code));
  }
});
