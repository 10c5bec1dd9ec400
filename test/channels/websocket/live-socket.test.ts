import { expect } from 'chai';

import { SEND_BUFFER_BYTES, SLOW_READER_MS, type LiveSocket } from '../../../src/channels/websocket/live-socket.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { FakeWebSocket } from '../../support/fake-web-socket.js';

describe('the bounds of a live socket', () => {
  let clock: FakeClock;
  let peer: FakeWebSocket;
  let socket: LiveSocket;

  beforeEach(() => {
    clock = new FakeClock();
    peer = new FakeWebSocket();
    socket = peer.live(clock);
  });

  it('waits two seconds for the answer to a close, then cuts the connection', async () => {
    peer.answersClose = false;
    socket.close('superseded');
    expect(peer.code).to.equal(4001);
    await clock.advance(1999);
    expect(peer.terminated).to.equal(false);
    await clock.advance(1);
    expect(peer.terminated).to.equal(true);
    expect(clock.pending).to.equal(0);
  });

  it('waits no longer once the close was answered', () => {
    socket.close('going_away');
    expect(clock.pending).to.equal(0);
  });

  it('reads nothing from a peer that is behind until it has caught up', async () => {
    peer.bufferedAmount = SEND_BUFFER_BYTES + 1;
    socket.send('{"t":"ok"}');
    await settle();
    expect(peer.paused).to.equal(true);
    await clock.advance(SLOW_READER_MS / 2);
    peer.bufferedAmount = 0;
    await clock.advance(10);
    expect(peer.paused).to.equal(false);
    expect(peer.terminated).to.equal(false);
    expect(clock.pending).to.equal(0);
  });

  it('ends one that never catches up, after five seconds', async () => {
    peer.bufferedAmount = SEND_BUFFER_BYTES + 1;
    socket.send('{"t":"ok"}');
    await settle();
    await clock.advance(SLOW_READER_MS - 10);
    expect(peer.terminated).to.equal(false);
    await clock.advance(10);
    expect(peer.terminated).to.equal(true);
    expect(clock.pending).to.equal(0);
  });
});
