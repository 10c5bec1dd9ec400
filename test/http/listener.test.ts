import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as tlsConnect } from 'node:tls';

import { expect } from 'chai';
import forge from 'node-forge';

import { systemClock } from '../../src/clock.js';
import { createListener, type Listener, type ListenerOptions } from '../../src/http/listener.js';
import { createStartingHandler } from '../../src/http/starting.js';
import { FakeRandom } from './support/fakes.js';
import { sendRaw } from './support/raw.js';

/** A throw-away certificate for localhost. */
function selfSigned(): { cert: string; key: string } {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const cert = forge.pki.createCertificate();
  cert.publicKey = keys.publicKey;
  cert.serialNumber = '01';
  cert.validity.notBefore = new Date(Date.now() - 60_000);
  cert.validity.notAfter = new Date(Date.now() + 3_600_000);
  cert.setSubject([{ name: 'commonName', value: 'localhost' }]);
  cert.setIssuer([{ name: 'commonName', value: 'localhost' }]);
  cert.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }]);
  cert.sign(keys.privateKey, forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(cert), key: forge.pki.privateKeyToPem(keys.privateKey) };
}

function get(port: number, ca: string, agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: 'localhost', ca, family: 4, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end();
  });
}

describe('the listener', () => {
  const tls = selfSigned();
  const running: Listener[] = [];
  afterEach(async () => {
    for (const listener of running.splice(0)) await listener.stop(0);
  });

  async function start(options: Partial<ListenerOptions>): Promise<{ listener: Listener; port: number }> {
    const listener = createListener({
      tls: undefined,
      clock: systemClock,
      random: new FakeRandom(),
      handler: (_request, response) => response.end('ok'),
      ...options,
    });
    running.push(listener);
    return { listener, port: await listener.start(0, '127.0.0.1') };
  }

  it('speaks TLS 1.2 and later, and plain http where told to', async () => {
    const secure = await start({ tls });
    expect(await get(secure.port, tls.cert)).to.equal(200);
    const old = tlsConnect({
      port: secure.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
    });
    const [error] = (await once(old, 'error')) as [Error];
    expect(error).to.be.instanceOf(Error);
    const plain = await start({});
    expect((await sendRaw(plain.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).status).to.equal(200);
  });

  it('says that a port is taken', async () => {
    const { port } = await start({});
    const second = createListener({
      tls: undefined,
      clock: systemClock,
      random: new FakeRandom(),
      handler: (_request, response) => response.end(),
    });
    const error = await second.start(port, '127.0.0.1').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.include({ code: 'EADDRINUSE' });
    await second.stop();
  });

  it('answers bytes that are no request in the form of all errors', async () => {
    const { port } = await start({});
    const bad: Record<string, string> = {
      rubbish: 'rubbish\r\n\r\n',
      'a TLS hello': '\x16\x03\x01\x00\x05hello\r\n\r\n',
      'a bad length': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n',
      'two lengths': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'a length and chunks': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'headers past 16 KiB': `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(17 * 1024)}\r\n\r\n`,
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const { status, code, text } = await sendRaw(port, bytes);
      expect([status, code], name).to.deep.equal([400, 'invalid_request']);
      expect(text, name)
        .to.match(/\r\nX-Request-Id: \S+\r\n/)
        .and.match(/application\/problem\+json/);
    }
  });

  it('says that it is starting until there is more to say', async () => {
    const { port } = await start({ handler: createStartingHandler(new FakeRandom()) });
    const { status, code, text } = await sendRaw(port, 'GET /v1/doors HTTP/1.1\r\nHost: x\r\n\r\n');
    expect([status, code]).to.deep.equal([503, 'store_unavailable']);
    expect(text)
      .to.match(/\r\nX-Request-Id: \S+\r\n/)
      .and.match(/\r\nRetry-After: 1\r\n/);
  });

  it('ignores an expectation it does not know, and continues where asked', async () => {
    const { port } = await start({});
    expect((await sendRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n')).status).to.equal(200);
    expect(
      (await sendRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n')).text,
    ).to.match(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/);
  });

  it('serves 64 requests at once of one connection, and cuts off who sends more without waiting', async () => {
    let asked = 0;
    const { port } = await start({ handler: () => void (asked += 1) });
    const ask = async (requests: number, waitMs: number): Promise<'cut off' | 'open'> => {
      const socket = connect(port, '127.0.0.1');
      const closed = once(
        socket.resume().on('error', () => undefined),
        'close',
      ).then(() => 'cut off' as const);
      asked = 0;
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(requests));
      while (asked < Math.min(requests, 64)) await new Promise(setImmediate);
      const rest = new Promise<'open'>((resolve) => setTimeout(() => resolve('open'), waitMs));
      const end = await Promise.race([closed, rest]);
      socket.destroy();
      return end;
    };
    expect([await ask(64, 100), asked]).to.deep.equal(['open', 64]);
    expect([await ask(1_000, 10_000), asked]).to.deep.equal(['cut off', 64]);
  });

  it('serves any number of requests of a connection that waits for its answers', async () => {
    const { port } = await start({});
    const socket = connect(port, '127.0.0.1');
    for (let count = 0; count < 200; count += 1) {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      expect(String((await once(socket, 'data'))[0])).to.match(/^HTTP\/1\.1 200/);
    }
    socket.destroy();
  });

  it('ends a connection whose answers nobody reads', async () => {
    const answer = 'x'.repeat(16 * 1024 * 1024);
    const { listener, port } = await start({
      handler: (_request, response) => response.end(answer),
      timeouts: { stuckMs: 200 },
    });
    const socket = connect(port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [accepted] = (await once(listener.server, 'connection')) as [ReturnType<typeof connect>];
    await once(accepted, 'close');
    socket.destroy();
  });

  it('ends headers and bodies that trickle', async () => {
    const { port } = await start({ timeouts: { headersMs: 100, requestMs: 200, checkMs: 20 } });
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\nX-Slow:', 'GET', '']) {
      const { status, code } = await sendRaw(port, bytes);
      expect([status, code]).to.deep.equal([400, 'invalid_request']);
    }
  });

  describe('a wish for another protocol (RFC 9110 7.8)', () => {
    /** Answers with what it understood. */
    const echo: ListenerOptions['handler'] = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        const text = JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() });
        response.writeHead(200, { 'content-length': Buffer.byteLength(text) }).end(text);
      });
    };
    const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
    /** Writes the pieces one after the other, and reads `count` answers from one connection. */
    const exchange = async (
      port: number,
      pieces: readonly string[],
      count: number,
      ca?: string,
    ): Promise<unknown[]> => {
      const socket = ca === undefined ? connect(port, '127.0.0.1') : tlsConnect({ port, host: 'localhost', ca });
      await once(socket, ca === undefined ? 'connect' : 'secureConnect');
      let received = '';
      const answers = (): unknown[] => {
        const bodies = received.split(/HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*\r\n/).slice(1);
        return bodies.filter((body) => body.endsWith('}')).map((body) => JSON.parse(body) as unknown);
      };
      const all = new Promise<void>((resolve, reject) => {
        socket.on('data', (chunk: Buffer) => {
          received += chunk.toString();
          if (answers().length === count) resolve();
        });
        socket.once('close', () => reject(new Error(`closed after ${received}`)));
      });
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await all;
      socket.destroy();
      return answers();
    };

    for (const kind of ['plain http', 'TLS'] as const)
      it(`is ignored: the request is answered as any other, and the connection goes on (${kind})`, async () => {
        const ca = kind === 'TLS' ? tls.cert : undefined;
        const { listener, port } = await start({ handler: echo, tls: ca === undefined ? undefined : tls });
        listener.onUpgrade((request, socket) => socket.end(`HTTP/1.1 418 ${request.url}\r\n\r\n`));
        const get = `GET /a?b=%20 HTTP/1.1\r\nHost: x\r\n${H2C}X-Odd: a\xe9\r\nx-odd: b\r\n\r\n`;
        const post = `POST /p HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 5\r\n\r\nhello`;
        const chunked = `POST /c HTTP/1.1\r\nHost: x\r\nUpgrade: TLS/1.0\r\nConnection: keep-alive, upgrade\r\nTransfer-Encoding: chunked\r\n\r\n`;
        const answers = await exchange(
          port,
          [get, post, chunked, '3\r\nabc\r\n', '0\r\n\r\n', 'GET /last HTTP/1.1\r\nHost: x\r\n\r\n'],
          4,
          ca,
        );
        expect(answers).to.deep.equal([
          { method: 'GET', url: '/a?b=%20', headers: { host: 'x', 'x-odd': 'a\u00c3\u00a9, b' }, body: '' },
          { method: 'POST', url: '/p', headers: { host: 'x', 'content-length': '5' }, body: 'hello' },
          {
            method: 'POST',
            url: '/c',
            headers: { host: 'x', connection: 'keep-alive', 'transfer-encoding': 'chunked' },
            body: 'abc',
          },
          { method: 'GET', url: '/last', headers: { host: 'x' }, body: '' },
        ]);
      });

    it('that comes before the last request was answered ends the connection after that answer', async () => {
      for (const wish of [H2C, 'Connection: Upgrade\r\nUpgrade: websocket\r\n']) {
        const { listener, port } = await start({
          handler: (_request, response) => void setTimeout(() => response.end('answered'), 50),
        });
        listener.onUpgrade((_request, socket) => socket.end('HTTP/1.1 418 no\r\n\r\n'));
        const socket = connect(port, '127.0.0.1');
        let received = '';
        socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
        socket.write(`GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n${wish}\r\n`);
        await once(socket, 'close');
        expect(received)
          .to.match(/^HTTP\/1\.1 200 OK\r\n[^]*answered/)
          .and.not.contain('418');
      }
    });

    it('is not ignored when it is for a WebSocket', async () => {
      const { listener, port } = await start({ handler: echo });
      listener.onUpgrade((request, socket) => socket.end(`HTTP/1.1 418 ${request.url}\r\n\r\n`));
      for (const wish of ['websocket', 'WebSocket', 'h2c, websocket']) {
        const request = `GET /s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${wish}\r\n\r\n`;
        expect((await sendRaw(port, request)).status).to.equal(418);
      }
    });

    it('does not let a body be taken for the next request', async () => {
      const { listener, port } = await start({ handler: echo });
      listener.onUpgrade((_request, socket) => socket.end('HTTP/1.1 418 no\r\n\r\n'));
      const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';
      const request = `POST /p HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: ${hidden.length}\r\n\r\n${hidden}`;
      const [only, next] = (await exchange(port, [request, 'GET /n HTTP/1.1\r\nHost: x\r\n\r\n'], 2)) as {
        url: string;
        body: string;
      }[];
      expect(only).to.include({ url: '/p', body: hidden });
      expect(next).to.include({ url: '/n' });
    });

    it('is bounded in time like every request', async () => {
      const { listener, port } = await start({
        handler: echo,
        timeouts: { headersMs: 100, requestMs: 200, checkMs: 20 },
      });
      listener.onUpgrade(() => undefined);
      const { status, code } = await sendRaw(port, `POST /p HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 5\r\n\r\nhel`);
      expect([status, code]).to.deep.equal([400, 'invalid_request']);
    });
  });

  describe('limits before the first request (protocol 8.4)', () => {
    /** Lets `most` connections wait, and counts what it was told. */
    const limitsOf = (most: number) => {
      const counts = { entered: 0, refused: 0, asked: 0 };
      return {
        counts,
        enter: () => {
          if (counts.entered - counts.asked >= most) return void (counts.refused += 1);
          counts.entered += 1;
          let isHeld = true;
          return () => {
            if (isHeld) counts.asked += 1;
            isHeld = false;
          };
        },
      };
    };
    const fate = (port: number): Promise<string> =>
      new Promise((resolve) => {
        const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve('shaken');
          socket.destroy();
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      });

    it('end a connection before anything is done for it: there is no handshake', async () => {
      const limits = limitsOf(0);
      const { listener, port } = await start({ tls, limits });
      let handshakes = 0;
      listener.server.on('secureConnection', () => (handshakes += 1)).on('tlsClientError', () => (handshakes += 1));
      expect(await fate(port)).to.equal('ECONNRESET');
      expect([limits.counts.refused, handshakes]).to.deep.equal([1, 0]);
    });

    it('count a connection until its first request, or until it is closed', async () => {
      for (const secure of [true, false]) {
        const limits = limitsOf(2);
        const { port } = await start({ tls: secure ? tls : undefined, limits });
        const open = async () => {
          const socket = secure
            ? tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
            : connect(port, '127.0.0.1');
          socket.on('error', () => undefined);
          await once(socket, secure ? 'secureConnect' : 'connect');
          return socket;
        };
        const [asking, leaving] = [await open(), await open()];
        expect(await fate(port)).to.equal('ECONNRESET');
        asking.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(asking, 'data');
        expect(limits.counts.asked).to.equal(1);
        leaving.destroy();
        while (limits.counts.asked < 2) await new Promise((resolve) => setImmediate(resolve));
        const again = await open();
        again.destroy();
        asking.destroy();
      }
    });

    it('take an upgrade for a request, too', async () => {
      const limits = limitsOf(1);
      const { listener, port } = await start({ limits });
      listener.onUpgrade((_request, socket) => socket.write('HTTP/1.1 101 yes\r\n\r\n'));
      const socket = connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      await once(socket, 'data');
      expect(limits.counts.asked).to.equal(1);
      socket.destroy();
    });
  });

  it('lets running requests end when it stops, and closes kept-alive connections', async () => {
    let finish: (() => void) | undefined;
    const { listener, port } = await start({
      tls,
      handler: (_request, response) => void (finish = () => response.end('ok')),
    });
    const agent = new Agent({ keepAlive: true });
    const answered = get(port, tls.cert, agent);
    while (finish === undefined) await new Promise((resolve) => setImmediate(resolve));
    const stopped = listener.stop(5_000);
    finish();
    expect(await answered).to.equal(200);
    await stopped;
    agent.destroy();
  });

  it('cuts what does not end in time, whatever kind of socket it is', async () => {
    const { listener, port } = await start({ handler: () => undefined });
    listener.onUpgrade(() => undefined);
    const hanging = [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      '',
    ].map((bytes) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(bytes);
      return once(socket.resume(), 'close');
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await listener.stop(100);
    await Promise.all(hanging);
  });

  it('serves others while 10,000 half-open or silent sockets wait, and is rid of them in time', async function () {
    this.timeout(60_000);
    const { port } = await start({ tls, timeouts: { handshakeMs: 5_000, checkMs: 100 } });
    // A process of its own: one alone may not have that many open files.
    const strangers = spawn(process.execPath, ['-e', STRANGERS, String(port), '10000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = createInterface({ input: strangers.stdout })[Symbol.asyncIterator]();
    expect(await said.next()).to.include({ value: 'connected 10000' });
    expect(await get(port, tls.cert)).to.equal(200);
    expect(await said.next()).to.include({ value: 'closed 10000' });
    expect(await get(port, tls.cert)).to.equal(200);
  });
});

/** Opens so many connections; half of them say nothing, half begin a TLS handshake and stop. Tells when all are open, and when all are closed. */
const STRANGERS = `
  const { connect } = require('node:net');
  const [port, count] = process.argv.slice(1).map(Number);
  let opened = 0, connected = 0, closed = 0;
  const open = () => {
    if (opened === count) return;
    const isSilent = (opened += 1) % 2 === 0;
    const socket = connect(port, '127.0.0.1', () => {
      if (!isSilent) socket.write('\\x16\\x03\\x01\\x02\\x00\\x01');
      if ((connected += 1) === count) console.log('connected', count);
      open();
    });
    socket.on('error', () => {}).on('close', () => (closed += 1) === count && console.log('closed', count)).resume();
  };
  for (let lane = 0; lane < 200; lane += 1) open();
`;
