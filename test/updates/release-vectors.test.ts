import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { readReleaseKey } from '../../src/updates/release-keys.js';
import { verifyManifest } from '../../src/updates/signing.js';
import { UpdateError } from '../../src/protocol/release.js';

interface Vectors {
  readonly door: { readonly nowMs: number };
  readonly keys: readonly { readonly kid: string; readonly publicKeyPem: string }[];
  readonly cases: readonly { readonly name: string; readonly code: string; readonly manifest: string }[];
}

/** What only a door can tell: it needs its board, its version, its slot. */
const OF_THE_DOOR: ReadonlySet<string> = new Set([
  'wrong_board',
  'downgrade',
  'security_version',
  'no_space',
  'failed_before',
]);

describe('the shared vectors of release manifests', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../fixtures/protocol/releases.json', import.meta.url), 'utf8'),
  ) as Vectors;
  const keys = vectors.keys.map(({ publicKeyPem }) => readReleaseKey(publicKeyPem));

  it('name their keys as the relay does', () => {
    expect(keys.map(({ kid }) => kid)).to.deep.equal(vectors.keys.map(({ kid }) => kid));
  });

  for (const { name, code, manifest } of vectors.cases) {
    it(`${name}: ${code}`, () => {
      let found = 'ok';
      try {
        verifyManifest(manifest, keys, vectors.door.nowMs);
      } catch (error) {
        if (!(error instanceof UpdateError)) throw error;
        found = error.code;
      }
      expect(found).to.equal(OF_THE_DOOR.has(code) ? 'ok' : code);
    });
  }
});
