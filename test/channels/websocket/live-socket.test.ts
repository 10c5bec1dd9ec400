import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';

import { LiveSocket, SEND_BUFFER_BYTES, SLOW_READER_MS } from '../../../src/channels/websocket/live-socket.js';
import { countWrites } from '../../support/count-writes.js';
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

describe('what a live socket writes', () => {
  let server: Server;
  let client: WebSocket;
  let socket: LiveSocket;
  let writes: number;
  let received: (string | Buffer)[];

  beforeEach(async () => {
    server = createServer();
    const sockets = new WebSocketServer({ noServer: true });
    const accepted = new Promise<LiveSocket>((resolve) =>
      server.once('upgrade', (request, stream: Duplex, head) =>
        sockets.handleUpgrade(request, stream, head, (ws) => {
          writes = 0;
          countWrites(stream, () => (writes += 1));
          resolve(new LiveSocket(ws, stream, new FakeClock()));
        }),
      ),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    received = [];
    client.on('message', (data: Buffer, isBinary) => received.push(isBinary ? data : data.toString('utf8')));
    client.on('ping', () => received.push('(ping)'));
    [socket] = await Promise.all([accepted, once(client, 'open')]);
  });

  afterEach(async () => {
    client.terminate();
    server.close();
    await once(server, 'close');
  });

  it('arrives as it was, whatever its length and letters, in the order it was written', async () => {
    const texts = [0, 1, 125, 126, 127, 1300, 65_535, 65_536, 70_000].map((length) => 'x'.repeat(length));
    const others = ['é'.repeat(62) + 'x', 'é'.repeat(63), 'é'.repeat(32_768), '😀'.repeat(200), '\u0000', '{"t":"ok"}'];
    const all = [...texts, ...others];
    for (const [index, text] of all.entries()) {
      expect(socket.send(text)).to.equal(true);
      if (index === 3) socket.ping();
      if (index === 5) socket.sendBinary(Buffer.from([1, 2, 3]));
    }
    socket.close('going_away');
    const [code] = (await once(client, 'close')) as [number];
    expect(received).to.deep.equal([
      ...all.slice(0, 4),
      '(ping)',
      ...all.slice(4, 6),
      Buffer.from([1, 2, 3]),
      ...all.slice(6),
    ]);
    expect(code).to.equal(1001);
    expect(socket.send('late')).to.equal(false);
  });

  it('goes out in one write for all frames of a turn, and in one more for those of the next', async () => {
    for (let frames = 0; frames < 20; frames += 1) socket.send('x'.repeat(frames));
    expect(writes).to.equal(0);
    await settle();
    expect(writes).to.equal(1);
    socket.send('next');
    await settle();
    expect(writes).to.equal(2);
    while (received.length < 21) await once(client, 'message');
    expect(received.at(-1)).to.equal('next');
  });
});
