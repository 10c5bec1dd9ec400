/** A relay, or what stands in its place, cannot make the SDK read without end (protocol 2.1). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect } from 'chai';
import { WebSocketServer, WebSocket } from 'ws';

import { OpenLock, UnreachableError } from '../../src/client/index.js';
import { failure } from './support/errors.js';
import { FakeDoor } from './support/fake-door.js';

const KIB = 1024;
/** More than what lies in the buffers of two sockets and a stream. */
const IN_TRANSIT_BYTES = 32 * 1024 * KIB;

describe('what the SDK reads', () => {
  let server: Server;
  let url: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const closed: Promise<void>[] = [];

  before(async () => {
    server = createServer((request, response) => {
      closed.push(new Promise((resolve) => response.once('close', () => resolve())));
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    closed.length = 0;
    writtenBytes = 0;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  let writtenBytes = 0;

  /** Writes for as long as anybody reads, and never ends. */
  function endless(status: number) {
    return (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(16 * KIB, ' ');
      const more = (): void => {
        let isTaken = true;
        for (; isTaken && !response.destroyed; writtenBytes += chunk.length) isTaken = response.write(chunk);
      };
      response.on('drain', more);
      more();
    };
  }

  const sdk = (): OpenLock => new OpenLock({ url, tokens: { accessToken: 'access-1' }, requestTimeoutMs: 15_000 });

  it('is a body up to a limit: one without end is given up, and so is the connection', async () => {
    answer = endless(200);
    const doors = await failure(sdk().doors(), UnreachableError);
    expect(doors).to.include({ reason: 'too_large' });
    expect(doors.message).to.include(String(4096 * KIB));
    const key = sdk()
      .door('front-door', { kid: 'A'.repeat(43) })
      .lock({ password: 'correct horse' });
    expect((await failure(key, UnreachableError)).message).to.include(String(64 * KIB));
    await Promise.all(closed);
    expect(writtenBytes).to.be.below(4096 * KIB + IN_TRANSIT_BYTES);
  });

  it('is a refusal up to 16 KiB', async () => {
    answer = endless(403);
    const error = await failure(sdk().doors(), UnreachableError);
    expect(error).to.include({ reason: 'too_large' });
    expect(error.message).to.include(String(16 * KIB));
    await Promise.all(closed);
    expect(writtenBytes).to.be.below(IN_TRANSIT_BYTES);
  });

  it('is the list of a large site, whole', async () => {
    const list = Array.from({ length: 10_000 }, (_, at) => ({
      doorId: `door-${at}`,
      name: 'A door with a name of some length',
      role: 'manager',
      online: true,
      lastSeen: 1_800_000_000_000,
    }));
    answer = (_request, response) => response.end(JSON.stringify({ doors: list }));
    expect(await sdk().doors()).to.deep.equal(list);
  });

  it('is UTF-8, whole characters over any boundary', async () => {
    const door = { doorId: 'front-door', name: 'Tür 🚪', role: 'user', online: true, lastSeen: null };
    const bytes = Buffer.from(JSON.stringify({ doors: [door] }));
    answer = (_request, response) => {
      response.writeHead(200);
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    };
    expect((await sdk().doors())[0]?.name).to.equal('Tür 🚪');
    answer = (_request, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d]));
    expect(await failure(sdk().doors(), UnreachableError)).to.include({ reason: 'bad_answer' });
  });

  it('is a frame of 16 KiB at most: the socket is given up and opened anew', async () => {
    const fake = new FakeDoor();
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'openlock.client.v1' });
    sockets.on('connection', (socket) =>
      socket.on('message', () => socket.send(JSON.stringify({ t: 'ok', ref: '1', more: 'x'.repeat(16 * KIB) }))),
    );
    answer = (_request, response) => response.end(JSON.stringify({ doors: [] }));
    const openLock = new OpenLock({ url, tokens: { accessToken: 'access-1' }, WebSocket });
    try {
      const stream = openLock.events([fake.id]);
      const codes = new Promise<number>((resolve) => stream.on('disconnected', ({ code }) => resolve(code)));
      // 1009 by ws, which the SDK tells its limit.
      expect(await codes).to.be.oneOf([1009, 1006]);
    } finally {
      openLock.close();
      sockets.close();
    }
  });
});
