import { createPublicKey } from 'node:crypto';

import { expect } from 'chai';

import { KeyChangedError } from '../../src/client/errors.js';
import { MemoryPinStore, PinnedKey, verifyServedKey, WebPinStore, type DoorPin } from '../../src/client/key-pin.js';
import type { DoorKey } from '../../src/protocol/api.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { fixture } from '../protocol/fixtures.js';
import { failure } from './support/errors.js';
import { FakeDoor, testKey } from './support/fake-door.js';

interface KeyVectors {
  readonly valid: readonly { readonly name: string; readonly publicKeyPem: string; readonly kid: string }[];
  readonly invalid: readonly { readonly name: string; readonly publicKeyPem: string }[];
}

function servedFrom(pem: string, kid: string): DoorKey {
  const { e = '', n = '' } = createPublicKey(pem).export({ format: 'jwk' });
  return { doorId: 'front-door', kid, publicKey: pem, jwk: { kty: 'RSA', n, e }, registeredAt: 1 };
}

describe('a served key', () => {
  const vectors = fixture<KeyVectors>('public-keys.json');

  for (const { name, publicKeyPem, kid } of vectors.valid) {
    it(`is taken: ${name}`, async () => {
      expect((await verifyServedKey(servedFrom(publicKeyPem, kid))).kid).to.equal(kid);
    });
  }

  for (const { name, publicKeyPem } of vectors.invalid.filter((key) => key.name.startsWith('RSA'))) {
    it(`is refused: ${name}`, async () => {
      const { kid } = new FakeDoor('x-door', testKey());
      expect(await failure(verifyServedKey(servedFrom(publicKeyPem, kid)), OpenLockError)).to.have.property(
        'code',
        'wrong_key',
      );
    });
  }

  it('is refused under a key id that is not its thumbprint', async () => {
    const served = new FakeDoor().served();
    const error = await failure(verifyServedKey({ ...served, kid: 'A'.repeat(43) }), OpenLockError);
    expect(error.code).to.equal('wrong_key');
  });

  it('is refused in another spelling of the same number', async () => {
    const served = new FakeDoor().served();
    const modulus = Buffer.from(served.jwk.n, 'base64url');
    const spellings = [
      Buffer.concat([Buffer.from([0]), modulus]).toString('base64url'),
      `${served.jwk.n}=`,
      modulus.toString('base64'),
    ];
    for (const n of spellings)
      expect(await failure(verifyServedKey({ ...served, jwk: { ...served.jwk, n } }), OpenLockError)).to.have.property(
        'code',
        'wrong_key',
      );
    expect(
      await failure(verifyServedKey({ ...served, jwk: { ...served.jwk, e: 'AAEAAQ' } }), OpenLockError),
    ).to.have.property('code', 'wrong_key');
  });
});

describe('a pinned key', () => {
  const door = new FakeDoor();
  const impostor = new FakeDoor(door.id, testKey(2048, 1));
  let fetched: number;

  function pinnedKey(pin: DoorPin, serve: () => DoorKey = () => door.served()): PinnedKey {
    fetched = 0;
    return new PinnedKey(door.id, pin, () => {
      fetched += 1;
      return Promise.resolve(serve());
    });
  }

  it('is fetched once, however many ask at the same time', async () => {
    const pinned = pinnedKey({ kid: door.kid });
    const keys = await Promise.all([pinned.trusted(), pinned.trusted(), pinned.trusted()]);
    await pinned.trusted();
    expect(fetched).to.equal(1);
    expect(new Set(keys.map(({ kid }) => kid))).to.deep.equal(new Set([door.kid]));
  });

  it('is a KeyChangedError when the relay serves another, every time, with both key ids', async () => {
    const pinned = pinnedKey({ kid: door.kid }, () => impostor.served());
    for (const attempt of [1, 2]) {
      const error = await failure(pinned.trusted(), KeyChangedError);
      expect(error).to.include({ code: 'wrong_key', doorId: door.id, pinnedKid: door.kid, servedKid: impostor.kid });
      expect(fetched).to.equal(attempt);
    }
  });

  it('is remembered at first use, by explicit choice, and holds from then on', async () => {
    const store = new MemoryPinStore();
    expect(await pinnedKey({ trustOnFirstUse: store }).kid()).to.equal(undefined);
    await pinnedKey({ trustOnFirstUse: store }).trusted();
    expect(store.get(door.id)).to.equal(door.kid);
    await failure(pinnedKey({ trustOnFirstUse: store }, () => impostor.served()).trusted(), KeyChangedError);
    expect(store.get(door.id)).to.equal(door.kid);
  });

  it('is not remembered when it is no good', async () => {
    const store = new MemoryPinStore();
    await failure(
      pinnedKey({ trustOnFirstUse: store }, () => ({ ...door.served(), kid: 'A'.repeat(43) })).trusted(),
      OpenLockError,
    );
    expect(store.get(door.id)).to.equal(undefined);
  });

  it('changes only when the caller says so', async () => {
    let served = door.served();
    for (const pin of [{ kid: door.kid }, { trustOnFirstUse: new MemoryPinStore() }]) {
      served = door.served();
      const pinned = pinnedKey(pin, () => served);
      await pinned.trusted();
      served = impostor.served();
      expect((await pinned.trusted()).kid).to.equal(door.kid);
      await pinned.repin(impostor.kid);
      expect((await pinned.trusted()).kid).to.equal(impostor.kid);
      expect(await pinned.kid()).to.equal(impostor.kid);
    }
  });

  it('is asked for again after a failure', async () => {
    let fails = true;
    const pinned = new PinnedKey(door.id, { kid: door.kid }, () =>
      fails ? Promise.reject(new OpenLockError('door_offline', 'x')) : Promise.resolve(door.served()),
    );
    await failure(pinned.trusted(), OpenLockError);
    fails = false;
    expect((await pinned.trusted()).kid).to.equal(door.kid);
  });

  it('must be a key id', async () => {
    expect(() => pinnedKey({ kid: 'not a kid' })).to.throw(OpenLockError);
    await failure(pinnedKey({ kid: door.kid }).repin('x'), OpenLockError);
  });

  it('can be kept in localStorage', () => {
    const items = new Map<string, string>();
    const store = new WebPinStore({
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, value),
    });
    expect(store.get('a-door')).to.equal(undefined);
    store.set('a-door', door.kid);
    expect(store.get('a-door')).to.equal(door.kid);
    expect([...items.keys()]).to.deep.equal(['openlock.pin.a-door']);
  });
});
