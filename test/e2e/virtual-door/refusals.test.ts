import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import type { Sealed } from '../../simulator/support/seal.js';
import { needVirtualDoor, PASSWORD } from './support/host-door.js';
import { StandInScene } from './support/stand-in.js';

/** Protocol 1.3: the door is the last authority. This relay checks nothing, so every refusal is the door's. */
describe('a virtual door behind a relay that forwards anything', function () {
  this.timeout(60_000);
  let scene: StandInScene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await StandInScene.start();
  });

  after(() => scene?.end());

  // Each test begins locked, and only what a test says may move the pin.
  let pins = 0;
  beforeEach(async () => {
    if (scene.door.pin.at(-1) === true) await scene.send(scene.seal({ act: 'lock', params: {} }));
    pins = scene.door.pin.length;
  });
  const moved = (): number => scene.door.pin.length - pins;

  it('opens for a good envelope once; the same again is replayed, and nothing moves', async () => {
    const sealed = scene.seal();
    expect(await scene.send(sealed)).to.include({ status: 200, code: 'ok' });
    for (let time = 0; time < 3; time += 1)
      expect(await scene.send(sealed)).to.include({ status: 400, code: 'replayed' });
    expect(moved()).to.equal(1);
    await scene.link.event('replay_refused');
  });

  it('takes no other envelope with a jti it has seen', async () => {
    const first = scene.seal();
    expect((await scene.send(first)).code).to.equal('ok');
    expect((await scene.send(scene.seal({ jti: first.jti }))).code).to.equal('replayed');
    expect(moved()).to.equal(1);
  });

  for (const [title, shiftMs] of [
    ['from 61 s ago', -61_000],
    ['from 61 s ahead', 61_000],
    ['from long ago', -86_400_000],
  ] as const) {
    it(`refuses an envelope ${title} as stale`, async () => {
      expect(await scene.send(scene.seal({ iat: Date.now() + shiftMs }))).to.include({
        status: 400,
        code: 'stale',
        refusal: undefined,
      });
      expect(moved()).to.equal(0);
    });
  }

  it('takes one from 50 s ago and one from 50 s ahead', async () => {
    expect((await scene.send(scene.seal({ iat: Date.now() - 50_000 }))).code).to.equal('ok');
    expect((await scene.send(scene.seal({ act: 'status', params: {}, iat: Date.now() + 50_000 }))).code).to.equal('ok');
  });

  it('refuses an envelope for another door, another scope, an act it does not know, params it cannot take', async () => {
    expect((await scene.send(scene.seal({ door: 'neighbours-door' }))).code).to.equal('wrong_door');
    expect((await scene.send(scene.seal({ scope: 'query' }))).code).to.equal('wrong_scope');
    expect((await scene.send(scene.seal({ act: 'open', scope: 'operate' }))).code).to.equal('unsupported');
    expect((await scene.send(scene.seal({ body: { credential: { type: 'pin', password: PASSWORD } } }))).code).to.equal(
      'unsupported',
    );
    expect((await scene.send(scene.seal({ params: { holdMs: 3_600_001 } }))).code).to.equal('invalid_params');
    expect((await scene.send(scene.seal({ params: { holdMs: -1 } }))).code).to.equal('invalid_params');
    expect((await scene.send(scene.seal({ params: { holdMs: 0, surprise: true } }))).code).to.equal('invalid_params');
    expect((await scene.send(scene.seal({ body: { surprise: true } }))).code).to.equal('malformed');
    expect(moved()).to.equal(0);
  });

  it('refuses what is past its deadline unopened', async () => {
    expect(await scene.send(scene.seal(), Date.now() - 1000)).to.deep.equal({
      status: 400,
      refusal: undefined,
      code: 'bare',
      receipt: undefined,
    });
    expect(moved()).to.equal(0);
  });

  describe('answers everything that fails before authentication with one and the same bare 400', () => {
    const part = (text: string, index: number, change: (bytes: Buffer) => Buffer | string): string =>
      text
        .split('.')
        .map((piece, at) => {
          if (at !== index) return piece;
          const changed = change(Buffer.from(piece, 'base64url'));
          return typeof changed === 'string' ? changed : changed.toString('base64url');
        })
        .join('.');
    const flipped = (bytes: Buffer): Buffer => {
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return bytes;
    };
    const stranger = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const cases: Readonly<Record<string, (good: Sealed) => string>> = {
      'a flipped bit in the wrapped key': ({ jwe }) => part(jwe, 1, flipped),
      'a flipped bit in the IV': ({ jwe }) => part(jwe, 2, flipped),
      'a flipped bit in the ciphertext': ({ jwe }) => part(jwe, 3, flipped),
      'a flipped bit in the tag': ({ jwe }) => part(jwe, 4, flipped),
      'a shortened tag': ({ jwe }) => part(jwe, 4, (bytes) => bytes.subarray(0, 12)),
      'a header changed after sealing': ({ jwe }) =>
        part(jwe, 0, (bytes) => Buffer.from(bytes.toString().replace('"operate"', '"configure"'))),
      'another key’s envelope under this key id': () => scene.seal({ publicPem: stranger.publicKey }).jwe,
      'another key id': () => scene.seal({ kid: 'A'.repeat(43) }).jwe,
      zip: () => scene.seal({ header: { zip: 'DEF' } }).jwe,
      crit: () => scene.seal({ header: { crit: ['exp'], exp: 1 } }).jwe,
      jku: () => scene.seal({ header: { jku: 'https://keys.example' } }).jwe,
      'RSA-OAEP with SHA-1': () => scene.seal({ header: { alg: 'RSA-OAEP' } }).jwe,
      dir: () => scene.seal({ header: { alg: 'dir' } }).jwe,
      'a header that is spaced': ({ jwe }) => part(jwe, 0, (bytes) => Buffer.from(bytes.toString().replace(',', ', '))),
      'padding of base64': ({ jwe }) => `${jwe}=`,
      'trailing bits that are not zero': ({ jwe }) =>
        part(
          jwe,
          4,
          (bytes) =>
            `${bytes.toString('base64url').slice(0, -1)}${bytes.toString('base64url').endsWith('A') ? 'B' : 'R'}`,
        ),
      'four parts': ({ jwe }) => jwe.split('.').slice(0, 4).join('.'),
      'six parts': ({ jwe }) => `${jwe}.AAAA`,
      'no text at all': () => '',
      '4097 characters': () => 'A'.repeat(4097),
      'a plaintext that is no JSON': () => scene.seal({ body: 'open, please' }).jwe,
    };
    for (const [title, make] of Object.entries(cases)) {
      it(title, async () => {
        const good = scene.seal();
        expect(await scene.sendRaw(make(good), good)).to.deep.equal({
          status: 400,
          refusal: undefined,
          code: 'bare',
          receipt: undefined,
        });
        expect(moved()).to.equal(0);
      });
    }
  });
});

describe('the memory of a virtual door', function () {
  this.timeout(60_000);
  let scene: StandInScene;

  beforeEach(async function () {
    await needVirtualDoor(this);
    scene = await StandInScene.start();
  });

  afterEach(() => scene?.end());

  it('outlives a power cut: what was carried out is replayed, and everything older is stale', async () => {
    const older = scene.seal({ iat: Date.now() - 100 });
    const done = scene.seal();
    expect((await scene.send(done)).code).to.equal('ok');
    await scene.door.kill();
    await scene.boot();
    expect(scene.door.reportedLock ?? 'locked').to.equal('locked');
    expect((await scene.send(done)).code).to.equal('replayed');
    expect((await scene.send(older)).code).to.equal('stale');
    expect(scene.door.pin).to.deep.equal([false]);
    expect((await scene.send(scene.seal())).code).to.equal('ok');
  });

  it('is not written by what it refuses', async () => {
    const later = Date.now() + 30_000;
    expect((await scene.send(scene.seal({ password: 'not the password', iat: later }))).code).to.equal(
      'bad_credential',
    );
    expect((await scene.send(scene.seal({ params: { holdMs: -1 }, iat: later }))).code).to.equal('invalid_params');
    await scene.door.kill();
    await scene.boot();
    expect((await scene.send(scene.seal())).code).to.equal('ok');
  });

  it('locks all commands out after five wrong passwords, the right one included, and tells nothing of its state', async () => {
    for (let guess = 1; guess <= 5; guess += 1) {
      const answer = await scene.send(scene.seal({ password: `guess number ${guess}` }));
      expect(answer).to.include({ status: 400, code: 'bad_credential', refusal: 'credential' });
      expect(answer.receipt).to.not.have.property('state');
    }
    await scene.link.event('lockout');
    for (const act of ['unlock', 'lock', 'status']) {
      expect(await scene.send(scene.seal({ act, params: {} }))).to.include({
        status: 400,
        code: 'locked_out',
        refusal: undefined,
      });
    }
    scene.link.send({ t: 'status', id: 'asked' });
    const status = await scene.link.frame(
      (frame): frame is typeof frame & { t: 'status' } => frame.t === 'status' && frame.id === 'asked',
    );
    expect(status.state.mode).to.equal('lockout');
    expect(scene.door.pin).to.deep.equal([false]);
    expect(scene.link.frames.filter((frame) => frame.t === 'event' && frame.kind === 'wrong_password')).to.have.length(
      5,
    );
  });

  it('is not lost to a replay guard that is full: it answers busy, and forgets nothing', async () => {
    // Twenty a second are let through to the decryption; the rest is told off unopened, and may be sent again.
    const codeOf = async (sealed: Sealed): Promise<string> => {
      const { code } = await scene.send(sealed);
      if (code !== 'bare') return code;
      await delay(50);
      return codeOf(sealed);
    };
    const status = (): Sealed => scene.seal({ act: 'status', params: {} });
    const first = status();
    expect(await codeOf(first)).to.equal('ok');
    const codes: string[] = [];
    while (codes.length < 300 && codes.at(-1) !== 'busy') codes.push(await codeOf(status()));
    expect(codes).to.deep.equal([...Array<string>(255).fill('ok'), 'busy']);
    expect(await codeOf(first)).to.equal('replayed');
  });
});
