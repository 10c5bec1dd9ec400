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

  it('ends headers and bodies that trickle', async () => {
    const { port } = await start({ timeouts: { headersMs: 100, requestMs: 200, checkMs: 20 } });
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\nX-Slow:', 'GET', '']) {
      const { status, code } = await sendRaw(port, bytes);
      expect([status, code]).to.deep.equal([400, 'invalid_request']);
    }
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
