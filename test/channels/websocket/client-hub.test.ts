import { expect } from 'chai';

import { ClientConnection } from '../../../src/channels/websocket/client-connection.js';
import { ClientHub } from '../../../src/channels/websocket/client-hub.js';
import type { SitePrincipal } from '../../../src/principal.js';
import { Metrics } from '../../../src/metrics.js';
import { OpenLockError, type ProblemCode } from '../../../src/protocol/problem.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { FakeWebSocket } from '../../support/fake-web-socket.js';

/** Sockets of one site each, and what the store would say of their sessions. */
describe('client sockets, in their own time (protocol 3.4, 7.7)', () => {
  let clock: FakeClock;
  let hub: ClientHub;
  let verdicts: Map<string, ProblemCode>;
  let checked: string[];
  let failures: string[];
  let resubscribed: () => void;
  const never = (): never => {
    throw new Error('not asked in these tests');
  };
  let told: Map<string, (message: unknown) => unknown>;

  beforeEach(() => {
    clock = new FakeClock();
    verdicts = new Map();
    checked = [];
    failures = [];
    told = new Map();
    hub = new ClientHub({
      gate: {
        admit: never,
        identify: never,
        check: ({ sessionId }) => {
          checked.push(sessionId);
          const code = verdicts.get(sessionId);
          return code === undefined ? Promise.resolve() : Promise.reject(new OpenLockError(code, 'no'));
        },
      },
      commands: { submit: never, status: never },
      access: { roleOf: never },
      mail: { onDoorEvents: never, onResubscribed: (listener) => (resubscribed = listener) },
      bus: {
        on: (kind, schema, handler) => void told.set(kind, (message) => handler(schema.parse(message))),
      },
      audit: { refusal: () => undefined },
      metrics: new Metrics(),
      clock,
      onError: (_error, work) => void failures.push(work),
    });
    hub.start();
  });

  function connect(sessionId: string, expiresAt = clock.now() + 900_000): FakeWebSocket {
    const peer = new FakeWebSocket();
    peer.on('ping', () => undefined);
    const siteId = `site-of-${sessionId}`;
    const caller: SitePrincipal = { kind: 'site', siteId, sessionId, origin: 'https://shop.example', expiresAt };
    const context = { requestId: 'r', address: '198.51.100.7', origin: undefined };
    const gate = { openFrame: never, take: never, refuse: never };
    hub.adopt(new ClientConnection({ socket: peer.live(clock), clock, gate, handler: hub, caller, context }));
    return peer;
  }

  /** Moves on in steps in which every peer answers the pings it got. */
  async function wait(ms: number, ...peers: FakeWebSocket[]): Promise<void> {
    for (let left = ms; left > 0; left -= 10_000) {
      await clock.advance(Math.min(left, 10_000));
      for (const peer of peers) peer.emit('pong');
    }
  }

  it('end within thirty seconds of a revocation that nobody told', async () => {
    const [revoked, blocked, other] = [connect('revoked'), connect('blocked'), connect('other')];
    verdicts.set('revoked', 'token_revoked').set('blocked', 'site_blocked');
    await wait(29_999, revoked, blocked, other);
    expect([revoked.code, blocked.code, other.code]).to.deep.equal([undefined, undefined, undefined]);
    await wait(1, revoked, blocked, other);
    expect([revoked.code, blocked.code, other.code]).to.deep.equal([4002, 4003, undefined]);
    await wait(30_000, other);
    expect(checked).to.deep.equal(['revoked', 'blocked', 'other', 'other']);
  });

  it('are asked about at once when messages may have been lost', async () => {
    const revoked = connect('revoked');
    verdicts.set('revoked', 'token_revoked');
    resubscribed();
    await settle();
    expect(revoked.code).to.equal(4002);
  });

  it('outlive a store that cannot be asked, until it can', async () => {
    const socket = connect('revoked');
    verdicts.set('revoked', 'store_unavailable');
    await wait(30_000, socket);
    expect(socket.code).to.equal(undefined);
    verdicts.set('revoked', 'token_revoked');
    await wait(30_000, socket);
    expect(socket.code).to.equal(4002);
    expect(failures).to.deep.equal([]);
  });

  it('end at once when another relay tells', async () => {
    const [revoked, blocked, other] = [connect('revoked'), connect('blocked'), connect('other')];
    await told.get('session_revoked')?.({ t: 'session_revoked', siteId: 'x', sessionId: 'revoked' });
    await told.get('site_blocked')?.({ t: 'site_blocked', siteId: 'site-of-blocked' });
    expect([revoked.code, blocked.code, other.code]).to.deep.equal([4002, 4003, undefined]);
  });

  it('end when their token does', async () => {
    const socket = connect('short', clock.now() + 5000);
    await clock.advance(4000);
    expect(socket.code).to.equal(undefined);
    await clock.advance(1000);
    expect(socket.code).to.equal(4002);
  });

  it('end when a ping of twenty seconds ago was not answered', async () => {
    const [answering, silent] = [connect('a'), connect('b')];
    await wait(20_000, answering);
    expect([answering.pings, silent.pings]).to.deep.equal([1, 1]);
    await wait(20_000, answering);
    expect([answering.code, silent.code]).to.deep.equal([undefined, 4006]);
  });

  it('are sent elsewhere when the relay stops, also those that do not answer', async () => {
    const [answering, silent] = [connect('a'), connect('b')];
    silent.answersClose = false;
    const stopped = hub.stop(1500);
    expect([answering.code, silent.code]).to.deep.equal([1001, 1001]);
    await clock.advance(1480);
    expect(silent.terminated).to.equal(false);
    await clock.advance(20);
    await stopped;
    expect(silent.terminated).to.equal(true);
    expect(clock.pending).to.equal(0);
  });
});
