import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { FleetSecrets } from '../../src/sites/fleet-secrets.js';
import { SigningKeys } from '../../src/sites/signing-keys.js';
import { FakeClock } from '../support/fake-clock.js';
import { random, scratch } from './support/harness.js';

describe('the secrets of a fleet', () => {
  let place: ReturnType<typeof scratch>;
  beforeEach(() => {
    place = scratch();
  });
  afterEach(() => place.remove());

  it('are agreed upon by relays that start at once', async () => {
    const started = await Promise.all(
      Array.from({ length: 20 }, () => FleetSecrets.load(join(place.dir, 'a', 'b'), random)),
    );
    expect(new Set(started.map((secrets) => secrets.mac('test').toString('hex')))).to.have.lengthOf(1);
  });

  it('are readable by their owner alone, and leave nothing else behind', async () => {
    const dir = join(place.dir, 'secrets');
    await Promise.all([
      FleetSecrets.load(dir, random),
      FleetSecrets.load(dir, random),
      SigningKeys.load(dir, new FakeClock()),
    ]);
    expect(statSync(dir).mode & 0o777).to.equal(0o700);
    expect(readdirSync(dir).sort()).to.deep.equal(['access-token-000001.pem', 'fleet.key']);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777, name).to.equal(0o600);
  });

  it('are only written the first time, so that the directory may be read-only later', async () => {
    const load = (): Promise<unknown> =>
      Promise.all([FleetSecrets.load(place.dir, random), SigningKeys.load(place.dir, new FakeClock())]);
    await load();
    const before = statSync(place.dir).mtimeMs;
    await load();
    expect(statSync(place.dir).mtimeMs).to.equal(before);
  });

  it('are not replaced when they cannot be read: the error names the file', async () => {
    writeFileSync(join(place.dir, 'fleet.key'), 'broken');
    expect(await FleetSecrets.load(place.dir, random).catch((error: unknown) => String(error))).to.match(
      /fleet\.key is not a fleet secret/,
    );
    writeFileSync(join(place.dir, 'access-token-000001.pem'), 'broken');
    expect(await SigningKeys.load(place.dir, new FakeClock()).catch((error: unknown) => String(error))).to.match(
      /access-token-000001\.pem is not a readable private key/,
    );
  });

  it('give each purpose and each division of its parts another value', async () => {
    const secrets = await FleetSecrets.load(place.dir, random);
    const values = [
      secrets.mac('a'),
      secrets.mac('b'),
      secrets.mac('a', ''),
      secrets.mac('a', 'bc', 'd'),
      secrets.mac('a', 'b', 'cd'),
      secrets.mac('a', 'b","cd'),
    ];
    expect(new Set(values.map((value) => value.toString('hex')))).to.have.lengthOf(values.length);
  });

  it('open what they sealed, for the same purpose and context alone', async () => {
    const secrets = await FleetSecrets.load(place.dir, random);
    const sealed = secrets.seal('purpose', 'context', 'geheim ✓', random);
    expect(secrets.unseal('purpose', 'context', sealed)).to.equal('geheim ✓');
    expect(sealed).not.to.equal(secrets.seal('purpose', 'context', 'geheim ✓', random));
    for (const work of [
      () => secrets.unseal('other', 'context', sealed),
      () => secrets.unseal('purpose', 'other', sealed),
      () => secrets.unseal('purpose', 'context', sealed.slice(0, -4)),
      () => secrets.unseal('purpose', 'context', ''),
      () => secrets.unseal('purpose', 'context', `A${sealed.slice(1)}`),
    ]) {
      expect(work).to.throw();
    }
  });
});
