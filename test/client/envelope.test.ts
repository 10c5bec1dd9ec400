import { createHash, createPublicKey } from 'node:crypto';

import { expect } from 'chai';
import fc from 'fast-check';

import { systemRandom } from '../../src/client/ambient.js';
import { commandIdOf, sealCommand, type CommandContent } from '../../src/client/envelope.js';
import { verifyServedKey, type TrustedKey } from '../../src/client/key-pin.js';
import { commandBodySchema } from '../../src/protocol/command-body.js';
import { parseCommandEnvelope } from '../../src/protocol/envelope.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { fixture } from '../protocol/fixtures.js';
import { failure } from './support/errors.js';
import { FakeDoor, testKey } from './support/fake-door.js';

const IAT = 1_800_000_000_000;

async function trusted(door: FakeDoor): Promise<TrustedKey> {
  return verifyServedKey(door.served());
}

async function seal(
  door: FakeDoor,
  change: Partial<CommandContent> = {},
): Promise<Awaited<ReturnType<typeof sealCommand>>> {
  const content: CommandContent = { doorId: door.id, act: 'unlock', password: door.password, ...change };
  return sealCommand(content, { key: await trusted(door), iat: IAT, random: systemRandom });
}

describe('sealing a command', () => {
  const door = new FakeDoor();

  it('writes exactly the header of protocol 6.1, in its order', async () => {
    const { jwe, jti } = await seal(door);
    expect(door.open(jwe).headerText).to.equal(
      `{"alg":"RSA-OAEP-256","enc":"A256GCM","typ":"openlock-command+jwe","kid":"${door.kid}","door":"front-door","scope":"operate","iat":${IAT},"jti":"${jti}"}`,
    );
    expect(Buffer.from(jti, 'base64url')).to.have.lengthOf(16);
  });

  it('writes exactly the plaintext of protocol 6.2', async () => {
    const { jwe, replyKey } = await seal(door, { params: { holdMs: 0 } });
    const { body } = door.open(jwe);
    const { pad, ...rest } = body;
    expect(rest).to.deep.equal({
      act: 'unlock',
      credential: { type: 'password', password: door.password },
      replyKey: Buffer.from(replyKey).toString('base64url'),
      params: { holdMs: 0 },
    });
    expect(pad).to.match(/^ *$/);
    expect(replyKey).to.have.lengthOf(32);
  });

  it('leaves params out when there are none', async () => {
    expect(door.open((await seal(door)).jwe).body).to.not.have.property('params');
  });

  it('names the scope of each act', async () => {
    const scopes = {
      unlock: 'operate',
      lock: 'operate',
      restart: 'configure',
      rotate_key: 'configure',
      status: 'query',
    } as const;
    for (const [act, scope] of Object.entries(scopes)) {
      const { jwe } = await seal(door, { act: act as keyof typeof scopes });
      expect(door.open(jwe).header['scope'], act).to.equal(scope);
    }
  });

  it('passes the check of every relay and every door', async () => {
    const { jwe } = await seal(door, { act: 'configure', params: { wifiSsid: 'Käse', wifiPassword: 'geheim12' } });
    expect(parseCommandEnvelope(jwe).ok).to.equal(true);
    expect(commandBodySchema.safeParse(door.open(jwe).body).success).to.equal(true);
  });

  it('always has a length that is a multiple of 256, whatever the password', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), async (password) => {
        const { plaintext, body } = door.open((await seal(door, { password })).jwe);
        expect(Buffer.byteLength(plaintext) % 256).to.equal(0);
        expect(body.credential.password).to.equal(password);
      }),
      { numRuns: 40 },
    );
  });

  it('uses another jti, reply key, content key and iv each time', async () => {
    const sealed = await Promise.all(Array.from({ length: 20 }, () => seal(door)));
    const distinct = (values: readonly string[]): number => new Set(values).size;
    expect(distinct(sealed.map(({ jti }) => jti))).to.equal(20);
    expect(distinct(sealed.map(({ replyKey }) => Buffer.from(replyKey).toString('hex')))).to.equal(20);
    for (const part of [1, 2, 3, 4]) expect(distinct(sealed.map(({ jwe }) => jwe.split('.')[part] ?? ''))).to.equal(20);
  });

  it('computes the command id as the relay does', async () => {
    const { jwe, commandId } = await seal(door);
    expect(commandId).to.equal(createHash('sha256').update(jwe).digest('base64url'));
    for (const vector of fixture<{ jwe: string; commandId: string }[]>('command-ids.json'))
      expect(await commandIdOf(vector.jwe)).to.equal(vector.commandId);
  });

  it('works for keys of 2048 to 4096 bits', async () => {
    for (const bits of [3072, 4096]) {
      const big = new FakeDoor('big-door', testKey(bits));
      expect(createPublicKey(big.key).asymmetricKeyDetails?.modulusLength).to.equal(bits);
      expect(big.open((await seal(big)).jwe).body.act).to.equal('unlock');
    }
  });

  it('fills an envelope up to 4096 characters and no further', async () => {
    const certificate = (length: number): string =>
      `-----BEGIN CERTIFICATE-----\n${'A'.repeat(length)}\n-----END CERTIFICATE-----\n`;
    const lengths = new Set<number>();
    for (let length = 1500; length < 2400; length += 60) {
      try {
        const { jwe } = await seal(door, { act: 'configure', params: { caCertificate: certificate(length) } });
        expect(jwe.length).to.be.at.most(4096);
        expect(parseCommandEnvelope(jwe).ok).to.equal(true);
        lengths.add(jwe.length);
      } catch (error) {
        expect(error).to.be.instanceOf(OpenLockError).with.property('code', 'invalid_request');
        expect(length).to.be.greaterThan(2100);
      }
    }
    // Steps of 256 bytes, and the last one as long as it can be.
    expect([...lengths].some((length) => length > 4090)).to.equal(true);
    expect(lengths.size).to.be.at.most(6);
  });

  it('refuses what the door would refuse, before anything is sent', async () => {
    const bad: Partial<CommandContent>[] = [
      { params: { holdMs: -1 } },
      { params: { holdMs: 3_600_001 } },
      { params: { holdMs: 1.5 } },
      { params: { force: true } },
      { act: 'lock', params: { holdMs: 5 } },
      { act: 'configure' },
      { act: 'configure', params: { failSafe: 'maybe' } },
      { password: '' },
      { password: 'x'.repeat(129) },
    ];
    for (const change of bad) {
      const error = await failure(seal(door, change), OpenLockError);
      expect(error.code, JSON.stringify(change)).to.equal('invalid_request');
    }
  });

  it('never puts a password into an error', async () => {
    const error = await failure(
      seal(door, { password: 'hunter2-hunter2', params: { doorPassword: 'hunter2-hunter2' } }),
      OpenLockError,
    );
    expect(`${error.message} ${JSON.stringify(error)} ${String(error.stack)}`).to.not.include('hunter2');
  });
});
