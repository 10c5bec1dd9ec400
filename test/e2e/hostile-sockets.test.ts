import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';

import { expect } from 'chai';
import fc from 'fast-check';

import { LIMITS } from '../../src/protocol/limits.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal } from '../simulator/support/seal.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin } from '../support/relay.js';
import { call, loginTestSite, type TestSite } from '../support/site.js';
import { ClientSocket } from './support/client-socket.js';
import { RawDoor, RAW_FIRMWARE } from './support/raw-door.js';
import { startRelayProcess, type RelayProcess } from './support/relay-process.js';

const PASSWORD = 'correct horse battery';
const DOOR = 'front-door';
const SILENT_SOCKETS = 10_000;
/** Of protocol 8.1 and 8.4, where the other tests raise them. */
const DEFAULT_LIMITS = {
  OPENLOCK_ADDRESS_RATE: '',
  OPENLOCK_ADDRESS_HANDSHAKES: '',
  OPENLOCK_ADDRESS_CONNECTIONS: '',
};

/** Sockets that do nothing, never read, or talk nonsense: the relay lives on, and its other doors never notice. */
describe('hostile sockets', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let relay: RelayProcess;
  let site: TestSite;
  let identity: DoorIdentity;
  let door: SimulatedDoor;
  let enrolments: string[];
  let disconnects = 0;

  before(async () => {
    redis = await startTestRedis();
    relay = await startRelayProcess({ OPENLOCK_REDIS_URL: redis.url, OPENLOCK_METRICS_PORT: '0' });
    identity = await testIdentity();
    const admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(asRelay());
    const { enrolmentToken } = await admin.add(DOOR, {});
    await admin.grant(DOOR, site.siteId, { role: 'user' });
    door = new SimulatedDoor({
      doorId: DOOR,
      relayUrl: relay.url,
      ca: relay.ca,
      enrolmentToken,
      password: PASSWORD,
      keyPair: identity,
    });
    await door.start();
    door.on('offline', () => (disconnects += 1));
    enrolments = [(await admin.add('raw-door', {})).enrolmentToken];
  });

  /** After every attack: the process lives, its door is still on the same socket, and a command goes through. */
  afterEach(async () => {
    expect(relay.child.exitCode).to.equal(null);
    expect(disconnects).to.equal(0);
    const lock = seal({
      publicPem: identity.publicPem,
      kid: identity.kid,
      door: DOOR,
      password: PASSWORD,
      act: 'lock',
    });
    const answer = await call(asRelay(), 'POST', `/v1/doors/${DOOR}/commands`, {
      token: site.accessToken,
      body: { jwe: lock.jwe },
    });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
  });

  after(async () => {
    await door?.stop();
    await site?.stop();
    await relay?.dispose();
    await redis?.stop();
  });

  const asRelay = () => ({ ...relay, app: undefined as never, stop: () => Promise.resolve() });

  it(`${SILENT_SOCKETS} sockets that say nothing, and doors that never say hello, leave room for everybody else and are sent away`, async () => {
    const headers = await RawDoor.session(relay, 'raw-door', identity, enrolments[0]);
    const silentDoors = await Promise.all(Array.from({ length: 20 }, () => RawDoor.open(relay, headers)));
    const sockets: Socket[] = [];
    let closed = 0;
    for (let batch = 0; batch < SILENT_SOCKETS / 250; batch += 1) {
      const fresh = Array.from({ length: 250 }, () => connectTcp(relay.port, '127.0.0.1'));
      for (const socket of fresh) {
        socket.on('error', () => undefined);
        socket.on('close', () => (closed += 1));
      }
      sockets.push(...fresh);
      await Promise.all(fresh.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    }
    const begun = performance.now();
    expect((await call(asRelay(), 'GET', '/v1/doors', { token: site.accessToken })).status).to.equal(200);
    expect(performance.now() - begun).to.be.below(5000);
    // A TLS handshake that never begins is given ten seconds.
    const deadline = Date.now() + 20_000;
    while (closed < sockets.length && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(closed).to.equal(sockets.length);
    expect(new Set(await Promise.all(silentDoors.map((silent) => silent.closed)))).to.deep.equal(new Set([4004]));
  });

  /** Another relay of the same fleet, with the limits of protocol 8. */
  const startStrictRelay = () =>
    startRelayProcess({
      OPENLOCK_REDIS_URL: redis.url,
      OPENLOCK_SECRETS_DIR: join(relay.dataDir, 'secrets'),
      ...DEFAULT_LIMITS,
    });

  it('from an address of a stranger more than its share is not let in, and nobody else notices', async () => {
    const strict = await startStrictRelay();
    const sockets = Array.from({ length: 2000 }, () =>
      connectTcp({ port: strict.port, host: '127.0.0.1', localAddress: '127.0.0.2' }),
    );
    let open = sockets.length;
    for (const socket of sockets) socket.on('error', () => undefined).on('close', () => (open -= 1));
    const deadline = Date.now() + 5000;
    while (open > 256 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(open).to.be.within(1, 256);
    expect((await call({ ...asRelay(), ...strict }, 'GET', '/healthz')).status).to.equal(200);
    for (const socket of sockets) socket.destroy();
    await strict.dispose();
  });

  it('a website without a grant that floods is sent away, and another one’s commands go through meanwhile', async () => {
    const strict = await startStrictRelay();
    const stranger = await loginTestSite(asRelay(), 'stranger@example.test');
    const frame = `{"t":"command","ref":"r","door":"${DOOR}","jwe":"${'\\u0041'.repeat(2500)}"}`;
    const flooders = await Promise.all(
      Array.from({ length: 16 }, () => ClientSocket.open(strict, stranger.accessToken, {}, '127.0.0.2')),
    );
    for (const { socket } of flooders) for (let sent = 0; sent < 400; sent += 1) socket.send(frame);
    const latencies: number[] = [];
    let isOver = false;
    const codes = Promise.all(flooders.map(({ closed }) => closed)).finally(() => (isOver = true));
    while (!isOver) {
      const begun = performance.now();
      const answer = await call({ ...asRelay(), ...strict }, 'GET', `/v1/doors/${DOOR}`, { token: site.accessToken });
      expect(answer.status).to.equal(200);
      latencies.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await codes).to.deep.equal(Array(16).fill(4005));
    expect(latencies.sort((a, b) => a - b)[latencies.length >> 1]).to.be.below(1000);
    for (const { frames } of flooders) expect(frames.length).to.be.at.most(200);
    await stranger.stop();
    await strict.dispose();
  });

  it('a client that never reads its answers is cut off; one that reads as many is not', async () => {
    const FRAMES = 4_000;
    const greedy = await rawClient();
    let read = 0;
    const answered = new Promise<void>((resolve, reject) => {
      greedy.on('data', (chunk: Buffer) => {
        read += chunk.length;
        if (read >= FRAMES * 80) resolve(); // each answer is longer than 80 bytes
      });
      greedy.once('close', () => reject(new Error(`cut off after ${read} bytes`)));
    });
    for (let sent = 0; sent < FRAMES; sent += 200) await flood(greedy, 200);
    await answered;
    greedy.destroy();

    const deaf = await rawClient();
    const begun = Date.now();
    while (!deaf.destroyed && Date.now() < begun + 20_000) await flood(deaf, 200);
    expect(deaf.destroyed).to.equal(true);
  });

  /** A client socket of which nothing more is read than the answer to its upgrade. */
  async function rawClient(): Promise<Socket> {
    const socket = connectTls({ host: 'localhost', port: relay.port, ca: relay.ca });
    await once(socket, 'secureConnect');
    socket.on('error', () => undefined);
    const head = [
      'GET /v1/socket HTTP/1.1',
      'Host: localhost',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
    ];
    const key = Buffer.alloc(16).toString('base64');
    socket.write(
      [
        ...head,
        `Sec-WebSocket-Key: ${key}`,
        'Sec-WebSocket-Protocol: openlock.client.v1',
        `Authorization: Bearer ${site.accessToken}`,
        '',
        '',
      ].join('\r\n'),
    );
    await once(socket, 'readable');
    expect((socket.read() as Buffer).toString('latin1')).to.match(/^HTTP\/1\.1 101 /);
    return socket;
  }

  async function flood(socket: Socket, frames: number): Promise<void> {
    // Nothing that is refused, which would close the socket long before (protocol 8.4); and so long that not too many are read at once.
    const doors = Array.from({ length: 60 }, (_, index) => `door-${index}`);
    const frame = maskedFrame(JSON.stringify({ t: 'unsubscribe', ref: 'r'.repeat(64), doors }));
    const flushed = socket.write(Buffer.concat(Array.from({ length: frames }, () => frame)));
    if (flushed) return void (await new Promise(setImmediate));
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.on('drain', done).on('close', done);
    });
  }

  describe('malformed frames', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    const text = fc.string({ maxLength: 80 });
    const oneOf = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

    it('of a client are refused one by one with a documented code; the socket goes on', async () => {
      const socket = await ClientSocket.open(relay, site.accessToken);
      const member = fc.oneof(
        json,
        oneOf<unknown>(DOOR, 'no-such-door', '', 'x'.repeat(5000), ['a'], [DOOR], -0, { toString: 1 }),
      );
      const frames = fc.oneof(
        fc
          .record(
            {
              t: fc.oneof(oneOf('command', 'status', 'subscribe', 'unsubscribe', 'token', '__proto__'), text),
              door: member,
              doors: member,
              jwe: member,
              accessToken: member,
            },
            { requiredKeys: [] },
          )
          .map((frame) => ({ ...frame })),
        fc.record({
          t: oneOf('command'),
          door: oneOf(DOOR),
          jwe: fc.oneof(
            text,
            fc.base64String(),
            fc.array(fc.base64String(), { minLength: 5, maxLength: 5 }).map((parts) => parts.join('.')),
          ),
        }),
      );
      const codes = new Set<string>();
      await fc.assert(
        fc.asyncProperty(frames, async (frame) => {
          const answer = await socket.ask(frame);
          if (answer.t === 'error') codes.add(answer.code);
        }),
        { numRuns: 190 }, // two hundred refusals close a socket (protocol 8.4)
      );
      expect([...codes]).to.include.members(['invalid_request', 'invalid_envelope']);
      expect(codes.has('internal')).to.equal(false);
      expect(socket.socket.readyState).to.equal(socket.socket.OPEN);
      socket.close();
    });

    const RAW: readonly (readonly [string, string | Buffer, readonly number[]])[] = [
      ['no JSON', '{"t":', []],
      ['an array', '[]', []],
      ['a duplicate member', '{"t":"status","ref":"a","ref":"b","door":"front-door"}', []],
      ['deep nesting', `{"t":"status","ref":"a","door":${'['.repeat(5000)}${']'.repeat(5000)}}`, []],
      ['nothing at all', '', []],
      ['a binary frame', Buffer.from('{"t":"status"}'), [4004]],
      [
        'a frame over 16 KiB',
        JSON.stringify({ t: 'status', ref: 'a', door: 'x'.repeat(LIMITS.clientFrameBytes) }),
        [1009],
      ],
    ];
    for (const [name, frame, closes] of RAW) {
      it(`${name}: ${closes.length === 0 ? 'an error frame' : `closed with ${closes.join(' or ')}`}`, async () => {
        const socket = await ClientSocket.open(relay, site.accessToken);
        socket.socket.send(frame);
        if (closes.length === 0) expect(await socket.frame('error')).to.include({ code: 'invalid_request' });
        else expect(await socket.closed).to.be.oneOf(closes);
        socket.close();
      });
    }

    it('text that is not UTF-8: closed with 1007', async () => {
      const socket = await ClientSocket.open(relay, site.accessToken);
      const raw = (socket.socket as unknown as { _socket: Socket })._socket;
      raw.write(maskedFrame(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])));
      expect(await socket.closed).to.equal(1007);
    });

    it('of a door close its socket with 4004, or 1009 when too long, and nothing else happens', async () => {
      const headers = await RawDoor.session(relay, 'raw-door', identity, enrolments[0]);
      const hello = { t: 'hello', boot: 'b', epoch: 0, firmware: RAW_FIRMWARE };
      const invalid = fc.oneof(
        text.filter((value) => !isFrame(value)),
        oneOf(
          '[]',
          'null',
          '{"t":"keepalive","t":"keepalive"}',
          `{"t":"keepalive","x":${'['.repeat(2000)}${']'.repeat(2000)}}`,
          JSON.stringify({ ...hello, epoch: -1 }),
          JSON.stringify({ ...hello, epoch: 1.5 }),
          JSON.stringify({ ...hello, boot: '' }),
          JSON.stringify(hello), // a second one
          JSON.stringify({ t: 'result', id: 'short', status: 200 }),
          JSON.stringify({ t: 'result', id: 'A'.repeat(43), status: 500 }),
          JSON.stringify({
            t: 'result',
            id: 'A'.repeat(43),
            status: 200,
            receipt: 'r'.repeat(LIMITS.receiptChars + 1),
          }),
          JSON.stringify({ t: 'result', id: 'A'.repeat(43), status: 400, refusal: 5 }),
          JSON.stringify({ t: 'status', state: { lock: 'ajar', mode: 'normal' } }),
          JSON.stringify({ t: 'event', seq: 1, kind: 'Not a kind', at: 1 }),
          JSON.stringify({ t: 'event', seq: -1, kind: 'tamper', at: 1 }),
          JSON.stringify({ t: 'event', seq: 1, kind: 'tamper', at: 1, data: { a: { b: 1 } } }),
          JSON.stringify({ t: 'event', seq: 1, kind: 'tamper', at: 1, data: { a: 'x'.repeat(600) } }),
        ),
      );
      await fc.assert(
        fc.asyncProperty(invalid, async (frame) => {
          const raw = await RawDoor.live(relay, headers);
          raw.send(frame);
          expect(await raw.closed, frame.slice(0, 60)).to.equal(4004);
        }),
        { numRuns: 60, endOnFailure: true },
      );
      const tooLong = await RawDoor.live(relay, headers);
      tooLong.send(JSON.stringify({ t: 'keepalive', pad: 'x'.repeat(LIMITS.doorFrameBytes) }));
      expect(await tooLong.closed).to.equal(1009);
    });

    it('what a newer door may say is set aside: the socket goes on (protocol 2.1)', async () => {
      const raw = await RawDoor.live(relay, await RawDoor.session(relay, 'raw-door', identity, enrolments[0]));
      raw.send({ t: 'weather', sunny: true });
      raw.send({ t: 'event', seq: 1, kind: 'party', at: Date.now(), guests: 3 });
      raw.send({ t: 'keepalive', again: true });
      expect(await raw.frame('keepalive')).to.have.property('time');
      raw.close();
    });

    it('a door that floods is closed with 4005', async () => {
      const raw = await RawDoor.live(relay, await RawDoor.session(relay, 'raw-door', identity, enrolments[0]));
      for (let seq = 1; seq <= 200; seq += 1) raw.send({ t: 'event', seq, kind: 'tamper', at: Date.now() });
      expect(await raw.closed).to.equal(4005);
    });
  });
});

/** True when the text happens to be an object with a kind, which a relay ignores if it does not know it. */
function isFrame(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && 't' in value;
  } catch {
    return false;
  }
}

/** One final text frame of RFC 6455, masked with zeros. */
function maskedFrame(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload as string);
  const length = bytes.length > 125 ? [0x80 | 126, bytes.length >> 8, bytes.length & 0xff] : [0x80 | bytes.length];
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), bytes]);
}
