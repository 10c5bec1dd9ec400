import { expect } from 'chai';

import { parseStrictJson } from '../../src/protocol/strict-json.js';
import type { Receipt } from '../../src/protocol/receipt.js';
import { runCommand, type CommandEnd } from '../../src/simulator/commands/pipeline.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { BenchDoor } from './support/bench-door.js';
import { FakeTime } from './support/fake-time.js';
import { testIdentity } from './support/keys.js';
import { seal, type Sealed, type SealRequest } from './support/seal.js';

const PASSWORD = 'correct horse';
const BARE = { status: 400 };

describe('the command pipeline (protocol 6.6)', () => {
  let identity: DoorIdentity;
  let time: FakeTime;
  let door: BenchDoor;

  before(async () => {
    identity = await testIdentity();
  });

  beforeEach(() => {
    time = new FakeTime();
    door = new BenchDoor(identity, time, { doorId: 'front', password: PASSWORD });
  });

  const make = (request: Partial<SealRequest> = {}): Sealed =>
    seal({
      publicPem: identity.publicPem,
      kid: identity.kid,
      door: 'front',
      password: PASSWORD,
      act: 'unlock',
      iat: time.now(),
      ...request,
    });
  const run = (jwe: string, deadline = time.now() + 5000): Promise<CommandEnd> => runCommand(jwe, deadline, door);
  const tell = async (request: Partial<SealRequest> = {}, deadline?: number): Promise<Receipt> => {
    const sealed = make(request);
    const end = await run(sealed.jwe, deadline);
    const receipt = sealed.open(end.receipt);
    expect(receipt).to.include({ jti: sealed.jti, door: 'front', status: end.status });
    return receipt;
  };

  it('unlocks, and says so to the sender with its state', async () => {
    const receipt = await tell({ params: { holdMs: 0 } });
    expect(receipt).to.deep.include({ status: 200, code: 'ok', state: { lock: 'unlocked', mode: 'normal' } });
    expect(door.lock.lock).to.equal('unlocked');
  });

  it('relocks after its own setting when holdMs is absent', async () => {
    await tell();
    time.advance(door.settings.autoRelockMs);
    expect(door.lock.lock).to.equal('locked');
  });

  it('has the mark safe before anything moves', async () => {
    await tell();
    expect(door.done[0]).to.equal('mark with lock locked');
    expect(door.mark).to.equal(time.now());
  });

  it('does nothing when the mark cannot be made safe, and takes the same envelope later', async () => {
    const sealed = make();
    door.storeBroken = true;
    expect(sealed.open((await run(sealed.jwe)).receipt).code).to.equal('failed');
    expect(door.lock.lock).to.equal('locked');
    door.storeBroken = false;
    expect(sealed.open((await run(sealed.jwe)).receipt).code).to.equal('ok');
  });

  it('carries out lock, status, configure, restart and rotate_key', async () => {
    door.lock.unlock(0);
    expect((await tell({ act: 'lock' })).state?.lock).to.equal('locked');
    expect((await tell({ act: 'status' })).code).to.equal('ok');
    expect((await tell({ act: 'configure', params: { autoRelockMs: 1 } })).code).to.equal('ok');
    expect(door.settings.autoRelockMs).to.equal(1);
    const restart = await run(make({ act: 'restart' }).jwe);
    expect(door.done).to.not.include('restart');
    restart.afterwards?.();
    expect(door.done).to.include('restart');
    expect((await tell({ act: 'rotate_key' })).newKid).to.equal(identity.kid);
  });

  it('answers `failed` when an act goes wrong half way', async () => {
    door.failing = true;
    expect((await tell({ act: 'configure', params: { autoRelockMs: 1 } })).code).to.equal('failed');
  });

  describe('one bare 400 for everything that fails before the plaintext is authenticated', () => {
    const flip = (text: string, at: number): string =>
      `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;

    for (const [name, part] of [
      ['header', 0],
      ['encrypted key', 1],
      ['initialization vector', 2],
      ['ciphertext', 3],
      ['tag', 4],
    ] as const) {
      it(`a changed ${name}`, async () => {
        const parts = make().jwe.split('.');
        parts[part] = flip(parts[part] ?? '', 3);
        expect(await run(parts.join('.'))).to.deep.equal(BARE);
      });
    }

    it('an encrypted key of another length', async () => {
      const parts = make().jwe.split('.');
      parts[1] = Buffer.alloc(384, 1).toString('base64url');
      expect(await run(parts.join('.'))).to.deep.equal(BARE);
    });

    it('another key', async () => {
      const other = await DoorIdentity.generate();
      expect(await run(make({ publicPem: other.publicPem }).jwe)).to.deep.equal(BARE);
      expect(await run(make({ publicPem: other.publicPem, kid: other.kid }).jwe)).to.deep.equal(BARE);
    });

    for (const [name, header] of [
      ['another algorithm', { alg: 'RSA-OAEP' }],
      ['zip', { zip: 'DEF' }],
      ['crit', { crit: ['exp'] }],
      ['jwk', { jwk: {} }],
      ['a fractional iat', { iat: 1.5 }],
    ] as const) {
      it(`a header with ${name}`, async () => {
        expect(await run(make({ header }).jwe)).to.deep.equal(BARE);
      });
    }

    it('text that is no envelope at all', async () => {
      for (const jwe of ['', '....', 'x'.repeat(5000)]) expect(await run(jwe)).to.deep.equal(BARE);
    });

    it('and a plaintext that names no reply key, for there is nobody to answer', async () => {
      for (const body of ['', '[]', 'null', '{"act":"unlock"}', '{"replyKey":"short"}']) {
        expect(await run(make({ body }).jwe), body).to.deep.equal(BARE);
      }
    });

    it('without any mark, ring entry or guess counted', async () => {
      await run(make({ header: { zip: 'DEF' } }).jwe);
      expect(door.done).to.deep.equal([]);
      expect(door.events).to.deep.equal([]);
    });
  });

  describe('refusals that are told to the sender, without the state', () => {
    it('malformed', async () => {
      expect(await tell({ body: { extra: 1 } }))
        .to.deep.include({ code: 'malformed' })
        .and.to.not.have.property('state');
      expect((await tell({ body: { credential: { type: 'pin', password: PASSWORD } } })).code).to.equal('malformed');
    });

    it('wrong_door', async () => {
      const sealed = make({ door: 'back' });
      expect(sealed.open((await run(sealed.jwe)).receipt)).to.include({ code: 'wrong_door', door: 'front' });
    });

    it('stale: too old, too new, or past the deadline', async () => {
      expect((await tell({ iat: time.now() - 60_001 })).code).to.equal('stale');
      expect((await tell({ iat: time.now() + 60_001 })).code).to.equal('stale');
      expect((await tell({}, time.now() - 1)).code).to.equal('stale');
      expect((await tell({ iat: time.now() - 60_000 })).code).to.equal('ok');
    });

    it('stale: not newer than the mark of an earlier boot', async () => {
      door = new BenchDoor(identity, time, { doorId: 'front', password: PASSWORD, bootMark: time.now() });
      expect((await tell()).code).to.equal('stale');
      expect((await tell({ iat: time.now() + 1 })).code).to.equal('ok');
    });

    it('replayed, with an event', async () => {
      const sealed = make();
      await run(sealed.jwe);
      expect(sealed.open((await run(sealed.jwe)).receipt).code).to.equal('replayed');
      expect(await tell({ jti: sealed.jti }))
        .to.deep.include({ code: 'replayed' })
        .and.to.not.have.property('state');
      expect(door.events.filter((kind) => kind === 'replay_refused')).to.have.length(2);
    });

    it('wrong_scope', async () => {
      expect((await tell({ act: 'unlock', scope: 'query' })).code).to.equal('wrong_scope');
      expect((await tell({ act: 'configure', scope: 'operate', params: { autoRelockMs: 1 } })).code).to.equal(
        'wrong_scope',
      );
    });

    it('bad_credential, marked for the relay, without touching mark or ring', async () => {
      const sealed = make({ password: 'wrong horse' });
      const end = await run(sealed.jwe);
      expect(end).to.include({ status: 400, refusal: 'credential', code: 'bad_credential' });
      expect(sealed.open(end.receipt)).to.not.have.property('state');
      expect(door.mark).to.equal(0);
      expect(sealed.open((await run(sealed.jwe)).receipt).code).to.equal('bad_credential');
      expect(door.events).to.deep.equal(['wrong_password', 'wrong_password']);
    });

    it('locked_out after five, not marked as a bad credential, whatever the password', async () => {
      for (let guess = 1; guess <= 5; guess += 1)
        expect((await tell({ password: `guess ${guess}` })).code).to.equal('bad_credential');
      const end = await run(make().jwe);
      expect(end).to.include({ code: 'locked_out' }).and.to.not.have.property('refusal');
      expect(door.events).to.include('lockout');
      time.advance(60_000);
      expect((await tell()).code).to.equal('ok');
    });
  });

  describe('refusals to a sender who knows the password, with the state', () => {
    it('unsupported', async () => {
      expect(await tell({ act: 'explode', scope: 'operate' }))
        .to.include({ code: 'unsupported' })
        .and.to.have.property('state');
    });

    it('invalid_params, without touching mark or ring', async () => {
      for (const params of [{ holdMs: -1 }, { holdMs: 3_600_001 }, { holdMs: '5' }, { hold: 1 }])
        expect((await tell({ params })).code).to.equal('invalid_params');
      expect((await tell({ act: 'configure', params: {} })).code).to.equal('invalid_params');
      expect((await tell({ act: 'lock', params: { now: true } })).code).to.equal('invalid_params');
      expect(door.mark).to.equal(0);
    });

    it('busy while the ring is full', async () => {
      door = new BenchDoor(identity, time, { doorId: 'front', password: PASSWORD, capacity: 1 });
      expect((await tell()).code).to.equal('ok');
      expect((await tell()).code).to.equal('busy');
      time.advance(121_000);
      expect((await tell()).code).to.equal('ok');
    });
  });

  it('is strict about JSON inside: a duplicate member is a bare 400', async () => {
    const replyKey = Buffer.alloc(32, 7).toString('base64url');
    const body = `{"act":"lock","act":"unlock","credential":{"type":"password","password":"${PASSWORD}"},"replyKey":"${replyKey}"}`;
    expect(() => parseStrictJson(body)).to.throw('duplicate');
    expect(await run(make({ body }).jwe)).to.deep.equal(BARE);
  });
});
