import { expect } from 'chai';
import { WebSocket } from 'ws';

import { EventStream, OpenLock, OpenLockError, type StreamEvent } from '../../src/client/index.js';
import { until } from '../support/counting.js';
import { failure } from './support/errors.js';
import { FakeDoor } from './support/fake-door.js';
import { FakeRelay } from './support/fake-relay.js';

describe('live events', () => {
  let relay: FakeRelay;
  let openLock: OpenLock;

  beforeEach(async () => {
    relay = await FakeRelay.start(new FakeDoor());
    openLock = new OpenLock({
      url: relay.url,
      WebSocket,
      tokens: relay.tokens,
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)), fraction: () => 0 },
    });
  });
  afterEach(async () => {
    openLock.close();
    await relay.stop();
  });

  const subscribed = (): unknown[] => relay.frames.filter(({ t }) => t === 'subscribe').map(({ doors }) => doors);

  it('come one after the other in a for await', async () => {
    const seen: StreamEvent[] = [];
    for await (const event of openLock.events(['front-door'])) {
      seen.push(event);
      if (event.type === 'connected') {
        relay.broadcast({ t: 'event', door: 'front-door', kind: 'unlocked', at: 1, data: { by: 'command' } });
        relay.broadcast({ t: 'presence', door: 'front-door', online: false, at: 2 });
        relay.broadcast({
          t: 'status',
          door: 'front-door',
          online: true,
          live: true,
          state: { lock: 'locked', mode: 'normal' },
          at: 3,
        });
      }
      if (event.type === 'status') break;
    }
    expect(seen).to.deep.equal([
      { type: 'connected', resumed: false },
      { type: 'event', door: 'front-door', kind: 'unlocked', at: 1, data: { by: 'command' } },
      { type: 'presence', door: 'front-door', online: false, at: 2 },
      {
        type: 'status',
        door: 'front-door',
        online: true,
        live: true,
        state: { lock: 'locked', mode: 'normal' },
        at: 3,
      },
    ]);
    await until(() => relay.sockets.size === 0);
  });

  it('go on after a lost connection: subscribed anew, and the gap is said', async () => {
    const stream = openLock.door('front-door', { kid: 'A'.repeat(43) }).events();
    const seen: string[] = [];
    stream.on('connected', ({ resumed }) => seen.push(resumed ? 'resumed' : 'connected'));
    stream.on('disconnected', ({ retryInMs }) => seen.push(`again in ${retryInMs}`));
    stream.on('event', ({ kind }) => seen.push(kind));
    await until(() => seen.length === 1);
    for (const socket of relay.sockets) socket.terminate();
    await until(() => seen.length === 3);
    relay.broadcast({ t: 'event', door: 'front-door', kind: 'locked', at: 1 });
    await until(() => seen.length === 4);
    expect(seen).to.deep.equal(['connected', 'again in 500', 'resumed', 'locked']);
    expect(subscribed()).to.deep.equal([['front-door'], ['front-door']]);
  });

  it('of several streams come to each for its own doors over one socket', async () => {
    const seen: string[] = [];
    const listen = (name: string, doors: string[]): EventStream => {
      const stream = openLock.events(doors);
      stream.on('connected', () => seen.push(`${name} connected`));
      stream.on('event', ({ door }) => seen.push(`${name} ${door}`));
      return stream;
    };
    const a = listen('a', ['front-door', 'back-door']);
    await until(() => seen.length === 1);
    const b = listen('b', ['back-door']);
    await until(() => seen.length === 2);
    expect(relay.upgrades).to.equal(1);
    relay.broadcast({ t: 'event', door: 'back-door', kind: 'locked', at: 1 });
    relay.broadcast({ t: 'event', door: 'front-door', kind: 'locked', at: 1 });
    await until(() => seen.length === 5);
    expect(seen.slice(2).sort()).to.deep.equal(['a back-door', 'a front-door', 'b back-door']);
    a.close();
    await until(() => relay.frames.some(({ t }) => t === 'unsubscribe'));
    expect(relay.frames.find(({ t }) => t === 'unsubscribe')?.['doors']).to.deep.equal(['front-door']);
    b.close();
    await until(() => relay.sockets.size === 0);
  });

  it('of the other doors come even if one of many may not be seen', async () => {
    const hidden = 'door-130';
    relay.overrideFrame = ({ t, ref, doors }) =>
      t === 'subscribe' && (doors as string[]).includes(hidden)
        ? { t: 'error', ref, code: 'door_not_found', detail: 'no' }
        : undefined;
    const doors = Array.from({ length: 250 }, (_value, at) => `door-${at}`);
    const stream = openLock.events(doors);
    const refused: string[] = [];
    stream.on('refused', ({ door, error }) => refused.push(`${door} ${error.code}`));
    await new Promise<void>((resolve) => stream.on('connected', () => resolve()));
    expect(refused).to.deep.equal([`${hidden} door_not_found`]);
    const accepted = new Set(
      subscribed()
        .filter((list) => !(list as string[]).includes(hidden))
        .flat(),
    );
    expect(accepted.size).to.equal(249);
    for (const frame of relay.frames) expect(JSON.stringify(frame).length).to.be.below(16_384);
  });

  it('are subscribed to again after the time the relay asks to wait', async () => {
    let refusals = 2;
    relay.overrideFrame = ({ t, ref }) =>
      t === 'subscribe' && (refusals -= 1) >= 0
        ? { t: 'error', ref, code: 'rate_limited', detail: 'slow', retryAfterMs: 5 }
        : undefined;
    const stream = openLock.events(['front-door']);
    await new Promise<void>((resolve) => stream.on('connected', () => resolve()));
    expect(subscribed()).to.have.lengthOf(3);
  });

  it('end with the error that ended the session', async () => {
    const stream = openLock.events(['front-door']);
    await new Promise<void>((resolve) => stream.on('connected', () => resolve()));
    relay.refreshToken = 'another';
    relay.accessToken = 'another';
    for (const socket of relay.sockets) socket.close(4002);
    const drain = async (): Promise<void> => {
      for await (const event of stream) void event;
    };
    expect((await failure(drain(), OpenLockError)).code).to.equal('token_revoked');
  });

  it('end when the caller aborts, closes or signs out', async () => {
    const controller = new AbortController();
    const ends: StreamEvent[] = [];
    const streams = [
      openLock.events(['front-door'], { signal: controller.signal }),
      openLock.events(['front-door']),
      openLock.events(['front-door']),
    ];
    for (const stream of streams) stream.on('ended', (event) => ends.push(event));
    controller.abort();
    streams[1]?.close();
    await openLock.revoke();
    expect(ends).to.deep.equal([{ type: 'ended' }, { type: 'ended' }, { type: 'ended' }]);
    await until(() => relay.sockets.size === 0);
  });

  it('need at least one door', () => {
    expect(() => openLock.events([])).to.throw(OpenLockError);
  });
});

describe('a stream of events', () => {
  const presence = (at: number): StreamEvent => ({ type: 'presence', door: 'front-door', online: true, at });

  it('keeps the newest thousand for a slow reader and says how many are lost', async () => {
    const stream = new EventStream(['front-door'], () => undefined);
    for (let at = 0; at < 1500; at += 1) stream.emit(presence(at));
    const seen: StreamEvent[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (seen.length === 1001) break;
    }
    expect(seen[0]).to.deep.equal({ type: 'dropped', count: 500 });
    expect(seen[1]).to.deep.equal(presence(500));
    expect(seen.at(-1)).to.deep.equal(presence(1499));
  });

  it('stops calling a listener that was removed, and says nothing after its end', () => {
    const stream = new EventStream(['front-door'], () => undefined);
    const seen: number[] = [];
    const remove = stream.on('presence', ({ at }) => seen.push(at));
    stream.emit(presence(1));
    remove();
    stream.emit(presence(2));
    stream.on('presence', ({ at }) => seen.push(at));
    stream.close();
    stream.emit(presence(3));
    expect(seen).to.deep.equal([1]);
  });
});
