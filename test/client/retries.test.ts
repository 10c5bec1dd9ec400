/**
 * The same command again: all envelopes of an intent have one `jti`, so that the door runs one of them, even under a relay
 * that says "not sent" and delivers all the same (protocol 6.6, 19.4).
 */
import { createPublicKey } from 'node:crypto';

import { expect } from 'chai';
import { WebSocket } from 'ws';

import { Commander, type CommandTransport } from '../../src/client/commander.js';
import {
  DoorRefusedError,
  OpenLock,
  OpenLockError,
  ReceiptError,
  TimeoutError,
  type Door,
  type TransportName,
} from '../../src/client/index.js';
import type { ApiClient } from '../../src/client/api-client.js';
import { commandIdOf } from '../../src/client/envelope.js';
import { PinnedKey } from '../../src/client/key-pin.js';
import { runCommand } from '../../src/simulator/commands/pipeline.js';
import { BenchDoor } from '../simulator/support/bench-door.js';
import { FakeTime } from '../simulator/support/fake-time.js';
import { testIdentity } from '../simulator/support/keys.js';
import { failure } from './support/errors.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeRandom } from './support/fake-random.js';
import { FakeDoor } from './support/fake-door.js';
import { FakeRelay, problem, type Answer } from './support/fake-relay.js';

const password = 'correct horse';

for (const transport of ['http', 'socket'] as const satisfies TransportName[]) {
  describe(`a command that is tried again over ${transport}`, () => {
    const clock = new FakeClock(Date.now());
    let relay: FakeRelay;
    let fake: FakeDoor;
    let openLock: OpenLock;
    let door: Door;

    beforeEach(async () => {
      fake = new FakeDoor();
      relay = await FakeRelay.start(fake);
      openLock = new OpenLock({ url: relay.url, WebSocket, transport, tokens: relay.tokens, clock });
      door = openLock.door(fake.id, { kid: fake.kid });
    });
    afterEach(async () => {
      openLock.close();
      await relay.stop();
    });

    /** Delivers the next command to the door, and answers with something else. */
    function lieOnce(answer: Answer, isDelivered = true): void {
      const lie = (jwe: string): void => {
        relay.override = () => undefined;
        relay.overrideFrame = () => undefined;
        if (isDelivered) relay.execute(fake.id, jwe);
      };
      relay.override = ({ method, path, body }) => {
        if (method !== 'POST' || !path.endsWith('/commands')) return undefined;
        lie(String(body['jwe']));
        return answer;
      };
      relay.overrideFrame = (frame) => {
        if (frame['t'] !== 'command') return undefined;
        lie(String(frame['jwe']));
        return { t: 'error', ref: frame['ref'], ...(answer.body as object) };
      };
    }

    const expired = (): Answer => problem('door_timeout', { state: 'expired' });
    const sent = (): readonly string[] =>
      transport === 'http'
        ? relay.requests.filter(({ body }) => 'jwe' in body).map(({ body }) => String(body['jwe']))
        : relay.frames.filter(({ t }) => t === 'command').map(({ jwe }) => String(jwe));
    const headers = (): readonly Readonly<Record<string, unknown>>[] => sent().map((jwe) => fake.open(jwe).header);

    it('runs once when the relay lied that it was not sent, and the sender hears so', async () => {
      lieOnce(expired());
      const error = await failure(door.unlock({ password, holdMs: 3_000 }), TimeoutError);
      expect(error.state).to.equal('expired');
      await clock.advance(5_000);
      const result = await door.unlock({ password, holdMs: 3_000, intent: error.intent });
      expect(result.outcome).to.equal('executed_earlier');
      expect(result.receipt).to.include({ code: 'replayed', status: 400 });
      expect(result.state).to.equal(undefined);
      expect(fake.executed).to.have.lengthOf(1);
      const [first, second] = headers();
      expect(second?.['jti']).to.equal(first?.['jti']);
      expect(second?.['iat']).to.equal(Number(first?.['iat']) + 5_000);
      expect(sent()[0]).to.not.equal(sent()[1]);
    });

    it('runs when the relay told the truth', async () => {
      lieOnce(expired(), false);
      const error = await failure(door.unlock({ password }), TimeoutError);
      const result = await door.unlock({ password, intent: error.intent });
      expect(result).to.deep.include({ outcome: 'executed', state: fake.state });
      expect(fake.executed).to.have.lengthOf(1);
    });

    it('is held to once whatever the first attempt ended in, by an intent made before', async () => {
      for (const code of ['door_offline', 'rate_limited', 'store_unavailable'] as const) {
        const intent = door.intent('lock');
        fake.executed.splice(0);
        lieOnce(problem(code));
        expect((await failure(door.lock({ password, intent }), OpenLockError)).code).to.equal(code);
        expect((await door.lock({ password, intent })).outcome, code).to.equal('executed_earlier');
        expect((await door.lock({ password, intent })).outcome, code).to.equal('executed_earlier');
        expect(fake.executed, code).to.have.lengthOf(1);
      }
    });

    it('tells of a relay that delivers one envelope twice', async () => {
      const execute = relay.execute.bind(relay);
      relay.execute = (doorId, jwe) => (execute(doorId, jwe), execute(doorId, jwe));
      expect((await door.unlock({ password })).outcome).to.equal('executed_earlier');
      expect(fake.executed).to.have.lengthOf(1);
    });

    it('is another command with another intent', async () => {
      await door.unlock({ password });
      await door.unlock({ password });
      expect(fake.executed).to.have.lengthOf(2);
      expect(new Set(headers().map(({ jti }) => jti)).size).to.equal(2);
    });

    it('is refused before it is sent when the door may have forgotten, or when it is another command', async () => {
      const intent = door.intent('unlock');
      const refusal = async (act: Promise<unknown>): Promise<string> => (await failure(act, OpenLockError)).code;
      expect(await refusal(door.lock({ password, intent }))).to.equal('invalid_request');
      const other = openLock.door('back-door', { kid: fake.kid });
      expect(await refusal(other.unlock({ password, intent }))).to.equal('invalid_request');
      for (const text of ['', 'unlock', intent.slice(0, -1), `${intent}.x`, intent.replace('unlock', 'fly')])
        expect(await refusal(door.unlock({ password, intent: text })), text).to.equal('invalid_request');
      await clock.advance(45_001);
      expect(await refusal(door.unlock({ password, intent }))).to.equal('stale_timestamp');
      expect(sent()).to.deep.equal([]);
    });

    it('is asked anew when it is a question: the door answers it again', async () => {
      const intent = door.intent('status');
      expect((await door.status({ password, intent })).state).to.deep.equal(fake.state);
      expect((await door.status({ password, intent })).state).to.deep.equal(fake.state);
    });

    it('says what is lost when the door has made a new key at the first attempt', async () => {
      fake.newKid = 'A'.repeat(43);
      lieOnce(expired());
      const { intent } = await failure(door.rotateKey({ password }), TimeoutError);
      const error = await failure(door.rotateKey({ password, intent }), ReceiptError);
      expect(error.message).to.include('earlier attempt');
    });

    const challenges = (): number => relay.paths().filter((path) => path.endsWith('/front-door/challenge')).length;

    it('goes with a challenge of the door when asked to', async () => {
      fake.isClockUnsure = true;
      fake.state = { lock: 'unlocked', mode: 'normal', clock: 'unsure' };
      const result = await door.unlock({ password, freshness: 'challenge' });
      expect(result.state?.clock).to.equal('unsure');
      expect(fake.executed[0]?.body.challenge).to.have.lengthOf(43);
      expect([sent().length, challenges()]).to.deep.equal([1, 1]);
    });

    it('goes once more, with a challenge and the same jti, when the door is unsure of its clock', async () => {
      fake.isClockUnsure = true;
      expect((await door.unlock({ password, holdMs: 5 })).outcome).to.equal('executed');
      expect(fake.executed.map(({ body }) => body.params)).to.deep.equal([{ holdMs: 5 }]);
      expect(new Set(headers().map(({ jti }) => jti)).size).to.equal(1);
      expect([sent().length, challenges()]).to.deep.equal([2, 1]);
    });

    it('goes twice and no more when the door takes no challenge', async () => {
      fake.isClockUnsure = true;
      fake.makeChallenge = () => 'A'.repeat(43);
      const error = await failure(door.unlock({ password }), DoorRefusedError);
      expect(error.receiptCode).to.equal('challenge_required');
      expect([sent().length, challenges()]).to.deep.equal([2, 1]);
    });

    it('is not sent when the door makes no challenge', async () => {
      relay.override = ({ path }) => (path.endsWith('/challenge') ? problem('door_offline') : undefined);
      const error = await failure(door.unlock({ password, freshness: 'challenge' }), OpenLockError);
      expect(error.code).to.equal('door_offline');
      relay.override = ({ path }) =>
        path.endsWith('/challenge') ? { status: 200, body: { challenge: 'short', expiresInSeconds: 30 } } : undefined;
      await failure(door.unlock({ password, freshness: 'challenge' }), OpenLockError);
      expect(sent()).to.deep.equal([]);
    });

    it('is not sent again for a refusal that only the relay tells', async () => {
      lieOnce(problem('door_refused', { commandId: 'A'.repeat(43), state: 'refused' }), false);
      await failure(door.unlock({ password }), OpenLockError);
      expect([sent().length, challenges()]).to.deep.equal([1, 0]);
    });
  });
}

describe('the simulated door under a relay that lies', () => {
  it('runs an intent once, though "expired" was delivered and the click came again', async () => {
    const identity = await testIdentity();
    const time = new FakeTime();
    const bench = new BenchDoor(identity, time, { doorId: 'front-door', password });
    const { n = '', e = '' } = createPublicKey(identity.publicPem).export({ format: 'jwk' });
    const pinned = new PinnedKey('front-door', { kid: identity.kid }, () =>
      Promise.resolve({
        doorId: 'front-door',
        kid: identity.kid,
        publicKey: '',
        jwk: { kty: 'RSA', n, e },
        registeredAt: 1,
      }),
    );
    const executed: string[] = [];
    const deliver = async (jwe: string): Promise<{ status: 200 | 400; receipt: string | undefined }> => {
      const { status, receipt, executed: done } = await runCommand(jwe, time.now() + 5_000, bench);
      if (done !== undefined) executed.push(done.jti);
      return { status, receipt };
    };
    let isLying = true;
    const transport: CommandTransport = {
      status: () => Promise.reject(new Error('not asked')),
      async submit(_door, jwe) {
        const { status, receipt } = await deliver(jwe);
        if (isLying) throw new OpenLockError('door_timeout', 'expired, it says', { state: 'expired' });
        return { commandId: await commandIdOf(jwe), state: 'executed', status, receipt };
      },
    };
    const commander = new Commander({
      api: { request: () => Promise.reject(new Error('not asked')) } as unknown as ApiClient,
      clock: Object.assign(new FakeClock(), { now: () => time.now() }),
      random: new FakeRandom(),
      requestTimeoutMs: 1_000,
      settleTimeoutMs: 0,
    });
    const content = { doorId: 'front-door', act: 'unlock', password, params: { holdMs: 0 } } as const;
    const options = { timeoutMs: 1_000 };
    const { intent } = await failure(commander.run(content, pinned, transport, options), TimeoutError);
    isLying = false;
    time.advance(40_000);
    const again = await commander.run(content, pinned, transport, { ...options, intent });
    expect(again.outcome).to.equal('executed_earlier');
    expect(executed).to.have.lengthOf(1);
    expect(bench.events).to.include('replay_refused');
    // And so it was before: a click of its own runs again.
    await commander.run(content, pinned, transport, options);
    expect(executed).to.have.lengthOf(2);
  });
});
