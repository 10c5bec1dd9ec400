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
    expect(receipt).to.deep.include({
      status: 200,
      code: 'ok',
      state: { lock: 'unlocked', mode: 'normal', clock: 'sure' },
    });
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

    it('a command past its deadline, whatever is in it, and undecrypted (5.7)', async () => {
      time.advance(10_000);
      door.clock.relay(time.now());
      const before = door.clock.now();
      let opened = 0;
      const unwrap = identity.unwrap.bind(identity);
      const watched: DoorIdentity = Object.create(identity, {
        unwrap: {
          value: (key: Buffer) => {
            opened += 1;
            return unwrap(key);
          },
        },
        kid: { value: identity.kid },
        modulusBytes: { value: identity.modulusBytes },
      }) as DoorIdentity;
      Object.defineProperty(door, 'identity', { value: watched });
      const sealed = make();
      expect(await run(sealed.jwe, before - 1)).to.deep.equal(BARE);
      expect(opened).to.equal(0);
      expect((await run(sealed.jwe, before)).code).to.equal('ok');
      expect(opened).to.equal(1);
    });

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
      expect((await tell({ body: { credential: { type: 'password', password: PASSWORD, pin: 1 } } })).code).to.equal(
        'malformed',
      );
    });

    it('wrong_door', async () => {
      const sealed = make({ door: 'back' });
      expect(sealed.open((await run(sealed.jwe)).receipt)).to.include({ code: 'wrong_door', door: 'front' });
    });

    it('stale: too old or too new', async () => {
      expect((await tell({ iat: time.now() - 60_001 })).code).to.equal('stale');
      expect((await tell({ iat: time.now() + 60_001 })).code).to.equal('stale');
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

    it('unsupported, before the password counts', async () => {
      for (const password of [PASSWORD, ...Array.from({ length: 6 }, (_, guess) => `guess ${guess}`)]) {
        expect(await tell({ act: 'explode', scope: 'operate', password }))
          .to.include({ code: 'unsupported' })
          .and.to.not.have.property('state');
      }
      expect((await tell({ body: { credential: { type: 'pin', pin: '1234' } } })).code).to.equal('unsupported');
      expect(door.events).to.deep.equal([]);
      expect((await tell()).code).to.equal('ok');
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

  describe('challenges and an unsure clock (protocol 6.6, 19.4)', () => {
    const options = { doorId: 'front', password: PASSWORD };
    const fresh = (challenge: string, body: Record<string, unknown> = {}): Partial<SealRequest> => ({
      body: { challenge, ...body },
    });

    for (const [name, sntp] of [
      ['no SNTP', () => undefined],
      ['a wrong SNTP', () => time.now() + 3_600_000],
    ] as const) {
      describe(`with ${name}`, () => {
        beforeEach(() => {
          door = new BenchDoor(identity, time, { ...options, sntp });
        });

        it('asks for a challenge, whatever iat and password say, and counts no guess', async () => {
          for (const iat of [time.now(), time.now() + 3_600_000, 0])
            for (const password of [PASSWORD, 'wrong', 'wrong', 'wrong'])
              expect(await tell({ iat, password }))
                .to.include({ code: 'challenge_required', status: 400 })
                .and.to.not.have.property('state');
          expect(door.events).to.deep.equal(['clock_unsure']);
          expect(door.lock.lock).to.equal('locked');
        });

        it('takes a command with one, whatever its iat', async () => {
          for (const iat of [time.now(), time.now() + 3_600_000, 0, Number.MAX_SAFE_INTEGER])
            expect((await tell({ iat, ...fresh(door.challenges.make()) })).code, String(iat)).to.equal('ok');
        });
      });
    }

    it('takes a command with a challenge when the clock is sure as well, and one below the mark of the boot', async () => {
      door = new BenchDoor(identity, time, { ...options, bootMark: time.now() + 5000 });
      expect((await tell()).code).to.equal('stale');
      expect((await tell(fresh(door.challenges.make()))).code).to.equal('ok');
    });

    it('lets the iat of such a command move neither mark nor clock', async () => {
      await tell({ iat: time.now() + 10 * 365 * 86_400_000, ...fresh(door.challenges.make()) });
      expect(door.mark).to.equal(0);
      expect((await tell()).code).to.equal('ok');
    });

    it('burns a challenge with the first command whose credential is good, carried out or not', async () => {
      const challenge = door.challenges.make();
      expect((await tell({ ...fresh(challenge), password: 'wrong' })).code).to.equal('bad_credential');
      expect((await tell({ ...fresh(challenge), scope: 'query' })).code).to.equal('wrong_scope');
      expect((await tell({ ...fresh(challenge), params: { holdMs: -1 } })).code).to.equal('invalid_params');
      expect((await tell(fresh(challenge))).code).to.equal('challenge_required');
    });

    it('knows no challenge of another boot, none that is old, and none it did not make', async () => {
      const old = door.challenges.make();
      time.advance(30_001);
      const foreign = new BenchDoor(identity, time, options).challenges.make();
      for (const challenge of [old, foreign, 'A'.repeat(43)])
        expect((await tell(fresh(challenge))).code).to.equal('challenge_required');
      expect(door.lock.lock).to.equal('locked');
    });

    it('is malformed with a challenge that is none', async () => {
      const challenge = door.challenges.make();
      for (const wrong of ['', challenge.slice(1), `${challenge}A`, `${challenge}=`, `${'A'.repeat(42)}B`, 5, null])
        expect((await tell({ body: { challenge: wrong } })).code, String(wrong)).to.equal('malformed');
    });

    it('asks the ring also with a challenge: the same envelope, and a retry that keeps its jti (6.6)', async () => {
      const sealed = make(fresh(door.challenges.make()));
      expect(sealed.open((await run(sealed.jwe)).receipt).code).to.equal('ok');
      expect(sealed.open((await run(sealed.jwe)).receipt).code).to.equal('replayed');
      const { jti } = sealed;
      expect((await tell({ jti, ...fresh(door.challenges.make()) })).code).to.equal('replayed');
      expect((await tell({ jti })).code).to.equal('replayed');
      expect(door.done.filter((note) => note === 'note 200')).to.have.length(1);
    });

    it('spends no challenge on a replay', async () => {
      const { jti } = make();
      await tell({ jti });
      const challenge = door.challenges.make();
      expect((await tell({ jti, ...fresh(challenge) })).code).to.equal('replayed');
      expect((await tell(fresh(challenge))).code).to.equal('ok');
    });

    it('goes back to iat when SNTP is right again', async () => {
      let ahead = 3_600_000;
      door = new BenchDoor(identity, time, { ...options, sntp: () => time.now() + ahead });
      expect((await tell()).code).to.equal('challenge_required');
      ahead = 0;
      time.advance(60_000);
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
