import { expect } from 'chai';

import { HttpTransport } from '../../src/client/http-transport.js';
import { RelaySocket } from '../../src/client/relay-socket.js';
import { Session } from '../../src/client/session.js';
import { MemoryTokenStorage, OpenLockError, UnreachableError, type TokenSet } from '../../src/client/index.js';
import { failure } from './support/errors.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { FakeRandom } from './support/fake-random.js';
import { fakeWebSockets, type FakeWebSocket } from './support/fake-web-socket.js';

/** The socket with time, network and token endpoint in the test's hands. */
class Bench {
  readonly clock = new FakeClock();
  readonly random = new FakeRandom();
  readonly storage: MemoryTokenStorage;
  readonly log: string[] = [];
  readonly sockets = fakeWebSockets();
  readonly socket: RelaySocket;
  probe: () => Promise<void> = () => Promise.resolve();
  refresh: () => { status: number; body: unknown } = () => ({ status: 200, body: this.#tokens() });
  refreshed = 0;

  constructor(tokens: TokenSet = { accessToken: 'access-0', refreshToken: 'refresh-0' }) {
    this.storage = new MemoryTokenStorage(tokens);
    const http = new HttpTransport({
      origin: 'https://relay.example',
      clock: this.clock,
      fetch: () => {
        this.refreshed += 1;
        const { status, body } = this.refresh();
        return Promise.resolve(new Response(JSON.stringify(body), { status }));
      },
    });
    const session = new Session({ http, storage: this.storage, clock: this.clock, requestTimeoutMs: 5_000 });
    this.socket = new RelaySocket({
      url: 'wss://relay.example/v1/socket',
      WebSocket: this.sockets.WebSocket,
      clock: this.clock,
      random: this.random,
      session,
      requestTimeoutMs: 5_000,
      probe: () => this.probe(),
    });
    this.socket.listen({
      opened: () => this.log.push('opened'),
      closed: (end, retryInMs) => this.log.push(`closed ${end.problem?.code ?? end.code}, again in ${retryInMs}`),
      halted: (error) => this.log.push(`halted ${error.code}`),
      frame: (frame) => this.log.push(`frame ${frame.t}`),
    });
  }

  #tokens(): object {
    const site = { id: 's', origin: 'https://shop.example', email: 'a@b.example' };
    return {
      accessToken: `access-${this.refreshed}`,
      tokenType: 'Bearer',
      expiresInSeconds: 900,
      refreshToken: `refresh-${this.refreshed}`,
      refreshExpiresInSeconds: 1,
      site,
    };
  }

  get last(): FakeWebSocket {
    const last = this.sockets.made.at(-1);
    if (last === undefined) throw new Error('no socket yet');
    return last;
  }

  async opened(): Promise<FakeWebSocket> {
    this.socket.start();
    await settle();
    this.last.open();
    await settle();
    return this.last;
  }
}

describe('the client socket', () => {
  it('offers the two subprotocols of protocol 7.7 and nothing secret in the URL', async () => {
    const bench = new Bench();
    const socket = await bench.opened();
    expect(socket.url).to.equal('wss://relay.example/v1/socket');
    expect(socket.protocols).to.deep.equal(['openlock.client.v1', 'openlock.bearer.access-0']);
    bench.socket.stop();
  });

  it('gives up on a relay that selects another subprotocol', async () => {
    const bench = new Bench();
    bench.socket.start();
    await settle();
    bench.last.open('');
    await settle();
    expect(bench.log).to.deep.equal(['halted internal']);
    expect(bench.last.closedWith).to.equal(4000);
  });

  it('comes back after a lost connection, later each time, and asks HTTP why it does not open', async () => {
    const bench = new Bench();
    let probes = 0;
    bench.probe = () => ((probes += 1), Promise.resolve());
    (await bench.opened()).end(1006);
    await settle();
    await bench.clock.advance(750);
    bench.last.end(1006);
    await settle();
    await bench.clock.advance(1_249);
    expect(bench.sockets.made).to.have.lengthOf(2);
    await bench.clock.advance(1);
    expect(bench.sockets.made).to.have.lengthOf(3);
    expect(bench.log).to.deep.equal(['opened', 'closed 1006, again in 750', 'closed 1006, again in 1250']);
    expect(probes).to.equal(1);
    bench.socket.stop();
  });

  it('takes another token after 4002 and stops when there is none', async () => {
    const bench = new Bench();
    (await bench.opened()).end(4002);
    await settle();
    await bench.clock.advance(750);
    expect(bench.last.protocols[1]).to.equal('openlock.bearer.access-1');
    bench.last.open();
    await settle();
    bench.refresh = () => ({ status: 401, body: { code: 'token_revoked', detail: 'over' } });
    bench.last.end(4002);
    await settle();
    await bench.clock.advance(60_000);
    expect(bench.log.at(-1)).to.equal('halted token_revoked');
    expect(bench.sockets.made).to.have.lengthOf(2);
    expect(bench.clock.pending).to.equal(0);
  });

  it('gives up on a relay that sends more in a frame than any frame has', async () => {
    for (const data of [
      'x'.repeat(16 * 1024 + 1),
      new ArrayBuffer(16 * 1024 + 1),
      new Blob(['x'.repeat(16 * 1024 + 1)]),
    ]) {
      const bench = new Bench();
      const socket = await bench.opened();
      socket.onmessage?.({ data } as never);
      await settle();
      expect(socket.closedWith).to.equal(4004);
      expect(bench.log).to.deep.equal(['opened', 'closed 4004, again in 750']);
      bench.socket.stop();
    }
  });

  it('waits an hour after 4003', async () => {
    const bench = new Bench();
    (await bench.opened()).end(4003);
    await settle();
    await bench.clock.advance(3_599_999);
    expect(bench.sockets.made).to.have.lengthOf(1);
    await bench.clock.advance(1);
    expect(bench.sockets.made).to.have.lengthOf(2);
    bench.socket.stop();
  });

  it('stops when HTTP says that the upgrade is refused for good', async () => {
    const bench = new Bench();
    bench.probe = () => Promise.reject(new OpenLockError('forbidden_origin', 'no'));
    bench.socket.start();
    await settle();
    bench.last.end(1006);
    await settle();
    expect(bench.log).to.deep.equal(['halted forbidden_origin']);
  });

  it('gives up on an attempt that does not open in time', async () => {
    const bench = new Bench();
    bench.socket.start();
    await bench.clock.advance(5_000);
    expect(bench.last.closedWith).to.equal(4006);
    expect(bench.log).to.deep.equal(['closed 4006, again in 750']);
    bench.socket.stop();
  });

  it('renews its token in place before it ends', async () => {
    const bench = new Bench({
      accessToken: 'access-0',
      refreshToken: 'refresh-0',
      renewAt: 1_800_000_000_000 + 100_000,
    });
    const socket = await bench.opened();
    for (let at = 0; at < 4; at += 1) {
      await bench.clock.advance(25_000);
      socket.receive({ t: 'presence', door: 'front-door', online: true, at: 1 });
    }
    await settle();
    expect(bench.refreshed).to.equal(1);
    expect(socket.sent).to.deep.include({ t: 'token', accessToken: 'access-1', ref: socket.sent.at(-1)?.['ref'] });
    socket.ok('token');
    await settle();
    expect(bench.sockets.made).to.have.lengthOf(1);
    bench.socket.stop();
  });

  it('reconnects when the new token is refused on the socket', async () => {
    const bench = new Bench({ accessToken: 'access-0', refreshToken: 'refresh-0', renewAt: 1_800_000_000_000 + 1_000 });
    const socket = await bench.opened();
    await bench.clock.advance(1_000);
    socket.receive({ t: 'error', ref: socket.sent.at(-1)?.['ref'], code: 'unauthenticated', detail: 'x' });
    await settle();
    expect(socket.closedWith).to.equal(4002);
    expect(bench.log).to.deep.equal(['opened', 'closed 4002, again in 750']);
    bench.socket.stop();
  });

  it('notices a peer that is gone by asking after a silence', async () => {
    const bench = new Bench();
    const socket = await bench.opened();
    await bench.clock.advance(44_999);
    expect(socket.sent).to.have.lengthOf(0);
    await bench.clock.advance(1);
    expect(socket.sent[0]).to.include({ t: 'token', accessToken: 'access-0' });
    socket.ok('token');
    await bench.clock.advance(45_000);
    expect(socket.sent).to.have.lengthOf(2);
    await bench.clock.advance(5_000);
    expect(socket.closedWith).to.equal(4006);
    expect(bench.log.at(-1)).to.match(/^closed 4006/);
    bench.socket.stop();
  });

  it('matches answers to requests by ref, in any order', async () => {
    const bench = new Bench();
    const socket = await bench.opened();
    const first = bench.socket.request({ t: 'subscribe', doors: ['a-door'] }, { timeoutMs: 1_000 });
    const second = failure(
      bench.socket.request({ t: 'subscribe', doors: ['b-door'] }, { timeoutMs: 1_000 }),
      OpenLockError,
    );
    await settle();
    const [a, b] = socket.sent.map(({ ref }) => ref);
    socket.receive({ t: 'error', ref: b, code: 'door_not_found', detail: 'no', retryAfterMs: 5 });
    socket.receive({ t: 'ok', ref: a });
    expect(await first).to.deep.equal({ t: 'ok', ref: a });
    expect(await second).to.deep.include({ code: 'door_not_found', extras: { retryAfterMs: 5 } });
    expect(bench.clock.pending).to.equal(1);
    bench.socket.stop();
  });

  it('lets requests wait for the connection, and says whether they went out when it fails', async () => {
    const bench = new Bench();
    const waiting = failure(
      bench.socket.request({ t: 'status', door: 'a-door' }, { timeoutMs: 100 }),
      UnreachableError,
    );
    await bench.clock.advance(100);
    expect((await waiting).sent).to.equal(false);
    const sent = failure(
      bench.socket.request({ t: 'status', door: 'a-door' }, { timeoutMs: 100_000 }),
      UnreachableError,
    );
    bench.last.open();
    await settle();
    bench.last.end(1006);
    expect((await sent).sent).to.equal(true);
    const late = failure(bench.socket.request({ t: 'status', door: 'a-door' }, { timeoutMs: 2_000 }), UnreachableError);
    await bench.clock.advance(750);
    bench.last.open();
    await bench.clock.advance(2_000);
    expect((await late).sent).to.equal(true);
    bench.socket.stop();
  });

  it('passes over frames it does not know and texts that are none', async () => {
    const bench = new Bench();
    const socket = await bench.opened();
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"t":"weather"}',
      '{"t":"ok"}',
      '{"t":"presence","door":"a b","online":true,"at":1}',
      '{"t":"ok","ref":"1","ref":"1"}',
      '{"t":"ok","ref":"999"}',
    ])
      socket.receive(text);
    socket.receive({ t: 'presence', door: 'front-door', online: true, at: 1 });
    expect(bench.log).to.deep.equal(['opened', 'frame ok', 'frame presence']);
    bench.socket.stop();
  });

  it('leaves nothing behind when it is stopped, wherever it was', async () => {
    const afterStart = new Bench();
    afterStart.socket.start();
    afterStart.socket.stop();
    const connecting = new Bench();
    connecting.socket.start();
    await settle();
    connecting.socket.stop();
    const open = new Bench();
    await open.opened();
    const pending = failure(
      open.socket.request({ t: 'status', door: 'a-door' }, { timeoutMs: 60_000 }),
      UnreachableError,
    );
    await settle();
    open.socket.stop();
    const waiting = new Bench();
    (await waiting.opened()).end(1006);
    await settle();
    waiting.socket.stop();
    await settle();
    await pending;
    for (const bench of [afterStart, connecting, open, waiting]) expect(bench.clock.pending).to.equal(0);
    expect(open.last.closedWith).to.equal(1000);
  });

  it('can be started again', async () => {
    const bench = new Bench();
    await bench.opened();
    bench.socket.stop();
    await settle();
    await bench.opened();
    expect(bench.sockets.made).to.have.lengthOf(2);
    expect(bench.socket.isOpen).to.equal(true);
    bench.socket.stop();
  });
});
