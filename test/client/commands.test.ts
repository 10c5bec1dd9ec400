import { createHash } from 'node:crypto';

import { expect } from 'chai';
import { WebSocket } from 'ws';

import {
  DoorRefusedError,
  KeyChangedError,
  MemoryPinStore,
  OpenLock,
  OpenLockError,
  ReceiptError,
  TimeoutError,
  type Door,
  type TransportName,
} from '../../src/client/index.js';
import { failure } from './support/errors.js';
import { FakeDoor, sealReceipt, testKey } from './support/fake-door.js';
import { FakeRelay, problem, type Answer } from './support/fake-relay.js';

for (const transport of ['http', 'socket'] as const satisfies TransportName[]) {
  describe(`commands over ${transport}`, () => {
    let relay: FakeRelay;
    let fake: FakeDoor;
    let openLock: OpenLock;
    let door: Door;

    beforeEach(async () => {
      fake = new FakeDoor();
      relay = await FakeRelay.start(fake);
      openLock = new OpenLock({
        url: relay.url,
        WebSocket,
        transport,
        tokens: relay.tokens,
        commandTimeoutMs: 1_000,
        settleTimeoutMs: 700,
      });
      door = openLock.door(fake.id, { kid: fake.kid });
    });
    afterEach(async () => {
      openLock.close();
      await relay.stop();
    });

    const password = 'correct horse';
    const submissions = (): number =>
      transport === 'http'
        ? relay.paths().filter((path) => path === 'POST /v1/doors/front-door/commands').length
        : relay.frames.filter(({ t }) => t === 'command').length;

    /** Makes the relay answer a command with this, over either transport. `act` runs first. */
    function answerCommand(answer: Answer | 'lost', act: (jwe: string) => void = () => undefined): void {
      relay.override = ({ method, path, body }) => {
        if (method !== 'POST' || !path.endsWith('/commands')) return undefined;
        act(String(body['jwe']));
        return answer === 'lost' ? 'cut' : answer;
      };
      relay.overrideFrame = (frame, socket) => {
        if (frame['t'] !== 'command') return undefined;
        act(String(frame['jwe']));
        if (answer === 'lost') return (socket.terminate(), null);
        return { t: answer.status === 200 ? 'result' : 'error', ref: frame['ref'], ...(answer.body as object) };
      };
    }

    it('opens the door, and says so only with its receipt', async () => {
      fake.state = { lock: 'unlocked', mode: 'normal' };
      const result = await door.unlock({ password, holdMs: 3_000 });
      expect(result).to.deep.include({ doorId: 'front-door', state: fake.state });
      expect(result.receipt).to.include({ code: 'ok', status: 200, door: 'front-door' });
      expect(fake.executed.map(({ body }) => body)).to.have.lengthOf(1);
      expect(fake.executed[0]?.body).to.deep.include({ act: 'unlock', params: { holdMs: 3_000 } });
      expect(relay.commands.has(result.commandId)).to.equal(true);
    });

    it('locks, asks, configures and restarts', async () => {
      await door.lock({ password });
      expect((await door.status({ password })).state.lock).to.equal('locked');
      await door.configure({ password, params: { autoRelockMs: 4_000 } });
      await door.restart({ password });
      await door.command('unlock', { password });
      expect(fake.executed.map(({ body: { act }, header }) => [act, header['scope']])).to.deep.equal([
        ['lock', 'operate'],
        ['status', 'query'],
        ['configure', 'configure'],
        ['restart', 'configure'],
        ['unlock', 'operate'],
      ]);
    });

    it('asks for the key once and not again', async () => {
      await door.lock({ password });
      await door.lock({ password });
      expect(relay.paths().filter((path) => path.endsWith('/key'))).to.have.lengthOf(1);
    });

    it("tells the relay's status from the door's", async () => {
      expect(await door.liveStatus()).to.deep.equal({ online: true, live: true, state: fake.state, at: 5 });
      expect(fake.executed).to.have.lengthOf(0);
    });

    it("reports a wrong password with the door's own code", async () => {
      const error = await failure(door.unlock({ password: 'wrong horse' }), DoorRefusedError);
      expect(error).to.include({ code: 'door_refused', receiptCode: 'bad_credential', doorId: 'front-door' });
      expect(error.receipt?.status).to.equal(400);
      expect(error.commandId).to.have.lengthOf(43);
    });

    it('reports a refusal without a receipt as what only the relay says', async () => {
      relay.execute = (_door, jwe) => ({ commandId: idOf(jwe), state: 'refused', status: 400 });
      const error = await failure(door.unlock({ password }), DoorRefusedError);
      expect(error.receiptCode).to.equal(undefined);
    });

    it('hands the new key id out and pins it only when told', async () => {
      const next = testKey(2048, 1);
      fake.newKid = new FakeDoor('x-door', next).kid;
      const { newKid } = await door.rotateKey({ password });
      expect(newKid).to.equal(fake.newKid);
      fake.key = next;
      expect(await door.kid()).to.not.equal(newKid);
      await door.repin(newKid);
      await door.lock({ password });
      expect(fake.executed.at(-1)?.header['kid']).to.equal(newKid);
    });

    it('is a KeyChangedError when the relay says that the key is another by now; nothing is sent again', async () => {
      await door.lock({ password });
      answerCommand(problem('wrong_key'));
      fake.key = testKey(2048, 1);
      const error = await failure(door.unlock({ password }), KeyChangedError);
      expect(error).to.include({ servedKid: fake.kid, doorId: 'front-door' });
      expect(submissions()).to.equal(2);
      expect(await door.kid()).to.equal(error.pinnedKid);
    });

    it('sends nothing under a key that is not the pinned one', async () => {
      fake.key = testKey(2048, 1);
      await failure(door.unlock({ password }), KeyChangedError);
      await failure(door.unlock({ password }), KeyChangedError);
      expect(submissions()).to.equal(0);
    });

    it("does not take success on the relay's word", async () => {
      const receipts: [string, (jwe: string) => string | undefined][] = [
        ['no receipt', () => undefined],
        ['nonsense', () => 'nonsense'],
        [
          'a receipt for another command',
          (jwe) =>
            sealReceipt(
              JSON.stringify({ jti: 'A'.repeat(22), door: fake.id, status: 200, code: 'ok', at: 1 }),
              replyKeyOf(jwe),
            ),
        ],
        [
          'a receipt of another door',
          (jwe) =>
            sealReceipt(
              JSON.stringify({ jti: fake.open(jwe).header['jti'], door: 'back-door', status: 200, code: 'ok', at: 1 }),
              replyKeyOf(jwe),
            ),
        ],
        [
          'a receipt under another key',
          (jwe) =>
            sealReceipt(
              JSON.stringify({ jti: fake.open(jwe).header['jti'], door: fake.id, status: 200, code: 'ok', at: 1 }),
              Buffer.alloc(32),
            ),
        ],
        [
          'a receipt that contradicts itself',
          (jwe) =>
            sealReceipt(
              JSON.stringify({ jti: fake.open(jwe).header['jti'], door: fake.id, status: 200, code: 'failed', at: 1 }),
              replyKeyOf(jwe),
            ),
        ],
      ];
      for (const [name, make] of receipts) {
        relay.execute = (_door, jwe) => {
          const receipt = make(jwe);
          return { commandId: idOf(jwe), state: 'executed', status: 200, ...(receipt !== undefined && { receipt }) };
        };
        const error = await failure(door.unlock({ password }), ReceiptError);
        expect(error, name).to.include({ code: 'invalid_envelope', state: 'executed' });
      }
    });

    it('does not take the answer to another command', async () => {
      const execute = relay.execute.bind(relay);
      relay.execute = (doorId, jwe) => ({ ...execute(doorId, jwe), commandId: 'A'.repeat(43) });
      await failure(door.unlock({ password }), ReceiptError);
    });

    it("believes the door's receipt over the relay's status", async () => {
      const execute = relay.execute.bind(relay);
      relay.execute = (doorId, jwe) => ({ ...execute(doorId, jwe), state: 'executed', status: 200 });
      expect((await failure(door.unlock({ password: 'wrong horse' }), DoorRefusedError)).receiptCode).to.equal(
        'bad_credential',
      );
      relay.execute = (doorId, jwe) => ({ ...execute(doorId, jwe), state: 'refused', status: 400 });
      expect((await door.unlock({ password })).receipt.code).to.equal('ok');
    });

    it('passes refusals of the relay on, and asks nothing', async () => {
      for (const code of [
        'door_offline',
        'action_not_allowed',
        'door_not_found',
        'key_banned',
        'stale_timestamp',
        'rate_limited',
        'store_unavailable',
        'invalid_envelope',
        'door_disabled',
      ] as const) {
        answerCommand(problem(code));
        expect((await failure(door.unlock({ password }), OpenLockError)).code).to.equal(code);
      }
      expect(relay.paths().filter((path) => path.includes('/commands/'))).to.have.lengthOf(0);
    });

    it('finds out what became of a command whose answer was lost, and sends it once', async () => {
      answerCommand('lost', (jwe) => relay.execute('front-door', jwe));
      const result = await door.unlock({ password });
      expect(result.receipt.code).to.equal('ok');
      expect(submissions()).to.equal(1);
      expect(fake.executed).to.have.lengthOf(1);
    });

    it("finds the door's refusal behind a lost answer as well", async () => {
      answerCommand('lost', (jwe) => relay.execute('front-door', jwe));
      expect((await failure(door.unlock({ password: 'wrong horse' }), DoorRefusedError)).receiptCode).to.equal(
        'bad_credential',
      );
    });

    it('waits for a late answer after a time-out of the relay', async () => {
      answerCommand(problem('door_timeout', { state: 'indeterminate' }), (jwe) =>
        setTimeout(() => relay.execute('front-door', jwe), 200),
      );
      expect((await door.unlock({ password })).receipt.code).to.equal('ok');
      expect(submissions()).to.equal(1);
    });

    it('says that it does not know, and can be asked again later', async () => {
      let sealed = '';
      answerCommand(problem('door_timeout', { state: 'indeterminate' }), (jwe) => {
        sealed = jwe;
        relay.commands.set(idOf(jwe), { state: 'indeterminate' });
      });
      const error = await failure(door.unlock({ password }), TimeoutError);
      expect(error).to.include({
        code: 'door_timeout',
        state: 'indeterminate',
        commandId: idOf(sealed),
      });
      relay.execute('front-door', sealed);
      expect((await error.askAgain()).receipt.code).to.equal('ok');
      expect(submissions()).to.equal(1);
    });

    it('asks no further about a command that is expired, says the relay', async () => {
      answerCommand(problem('door_timeout', { state: 'expired' }));
      const error = await failure(door.unlock({ password }), TimeoutError);
      expect(error.state).to.equal('expired');
      expect(relay.paths().some((path) => path.includes('/commands/'))).to.equal(false);
    });

    it('asks what became of a command that something on the way has sent twice', async () => {
      answerCommand(problem('replayed'), (jwe) => relay.execute('front-door', jwe));
      expect((await door.unlock({ password })).receipt.code).to.equal('ok');
    });

    it('asks what became of a command that was admitted before the store went away', async () => {
      answerCommand(problem('store_unavailable', { commandId: 'A'.repeat(43) }), (jwe) =>
        relay.execute('front-door', jwe),
      );
      expect((await door.unlock({ password })).receipt.code).to.equal('ok');
    });

    it('gives up waiting in time, without a word on the outcome', async () => {
      relay.override = ({ path }) => (path.includes('/commands') ? 'hang' : undefined);
      relay.overrideFrame = () => null;
      const patient = new OpenLock({
        url: relay.url,
        WebSocket,
        transport,
        tokens: relay.tokens,
        requestTimeoutMs: 300,
        commandTimeoutMs: 150,
        settleTimeoutMs: 0,
      });
      const error = await failure(patient.door(fake.id, { kid: fake.kid }).unlock({ password }), TimeoutError);
      patient.close();
      expect(error.state).to.equal('unknown');
      expect(submissions()).to.equal(1);
    });

    it('ends with a TimeoutError when it is aborted on its way: it cannot be called back', async () => {
      const controller = new AbortController();
      answerCommand('lost', () => controller.abort(new RangeError('enough')));
      relay.override = ({ path }) =>
        path.includes('/commands') ? (controller.abort(new RangeError('enough')), 'hang') : undefined;
      const error = await failure(door.unlock({ password, signal: controller.signal }), TimeoutError);
      expect(error.cause).to.be.instanceOf(RangeError);
    });

    it('does nothing when it is aborted before', async () => {
      await failure(door.unlock({ password, signal: AbortSignal.abort(new RangeError('no')) }), RangeError);
      expect(submissions()).to.equal(0);
      expect(fake.executed).to.have.lengthOf(0);
    });

    it('refuses what makes no sense without asking anybody', async () => {
      expect((await failure(door.unlock({ password, holdMs: -1 }), OpenLockError)).code).to.equal('invalid_request');
      expect((await failure(door.configure({ password, params: {} }), OpenLockError)).code).to.equal('invalid_request');
      expect(submissions()).to.equal(0);
    });

    const replyKeyOf = (jwe: string): Buffer => Buffer.from(fake.open(jwe).body.replyKey, 'base64url');
    const idOf = (jwe: string): string => Buffer.from(sha256(jwe)).toString('base64url');
  });
}

describe('a command under an expired token', () => {
  it('is sent again under a new one, for it was refused before it was looked at', async () => {
    const fake = new FakeDoor();
    const relay = await FakeRelay.start(fake);
    try {
      const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
      const door = openLock.door(fake.id, { kid: fake.kid });
      await door.lock({ password: fake.password });
      relay.accessToken = 'access-5';
      await door.lock({ password: fake.password });
      expect(fake.executed).to.have.lengthOf(2);
      expect(relay.requests.at(-1)?.authorization).to.equal('Bearer access-6');
    } finally {
      await relay.stop();
    }
  });
});

describe('a door trusted on first use', () => {
  it('is pinned by the first command and refused when its key changes', async () => {
    const fake = new FakeDoor();
    const relay = await FakeRelay.start(fake);
    try {
      const store = new MemoryPinStore();
      const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
      await openLock.door(fake.id, { trustOnFirstUse: store }).lock({ password: fake.password });
      expect(store.get(fake.id)).to.equal(fake.kid);
      fake.key = testKey(2048, 1);
      await failure(
        openLock.door(fake.id, { trustOnFirstUse: store }).lock({ password: fake.password }),
        KeyChangedError,
      );
    } finally {
      await relay.stop();
    }
  });
});

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
