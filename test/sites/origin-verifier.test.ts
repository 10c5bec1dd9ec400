import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import {
  OriginVerifier,
  type HostResolver,
  type OriginVerifierOptions,
  type ResolvedAddress,
} from '../../src/sites/origin-verifier.js';
import { createCa, type TestCa } from './support/certificates.js';

const TOKEN = 'token-token-token-token-token-token-token-1';
const PATH = '/.well-known/openlock-challenge.txt';

describe('verifying a website (protocol 3.2)', () => {
  const running: Server[] = [];
  const sockets = new Set<Socket>();
  let ca: TestCa;

  before(() => {
    ca = createCa();
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of running.splice(0)) server.close();
  });

  /** Starts a server on loopback; gives its port. */
  async function listen(server: Server, everywhere = false): Promise<number> {
    running.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    });
    server.listen(0, everywhere ? undefined : '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** A website on loopback that answers as told, and the verifier that may reach it. */
  async function site(handler: http.RequestListener): Promise<string> {
    return `http://127.0.0.1:${await listen(http.createServer(handler))}`;
  }

  const open = (options: Partial<OriginVerifierOptions> = {}): OriginVerifier =>
    new OriginVerifier({ clock: systemClock, allowPrivateSites: true, ...options });
  /** For sites that are not to answer: the others may take their time on a busy machine. */
  const hasty = (options: Partial<OriginVerifierOptions> = {}): OriginVerifier => open({ timeoutMs: 400, ...options });

  async function reasonOf(verifier: OriginVerifier, origin: string): Promise<string> {
    const result = await verifier.verify(origin, TOKEN);
    return result.ok ? 'ok' : result.reason;
  }

  const resolvesTo =
    (...addresses: readonly string[]): HostResolver =>
    () =>
      Promise.resolve(
        addresses.map((address): ResolvedAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  it('takes the token, white space around it or not, and asks for the right thing', async () => {
    let asked: http.IncomingMessage | undefined;
    const origin = await site((request, response) => {
      asked = request;
      response.end(`\ufeff \t${TOKEN}\r\n`);
    });
    expect(await reasonOf(open(), origin)).to.equal('ok');
    expect([asked?.method, asked?.url, asked?.headers.host]).to.deep.equal(['GET', PATH, origin.slice(7)]);
    expect(asked?.headers).not.to.have.any.keys('authorization', 'cookie');
  });

  for (const body of ['', 'something else', `${TOKEN}x`, `x${TOKEN}`, `${TOKEN}\n${TOKEN}`, TOKEN.toUpperCase()]) {
    it(`does not take ${JSON.stringify(body.slice(0, 60))}`, async () =>
      expect(await reasonOf(open(), await site((_request, response) => response.end(body)))).to.equal('mismatch'));
  }

  it('takes no answer but 200', async () => {
    for (const status of [201, 204, 206, 400, 401, 403, 404, 500, 503]) {
      expect(
        await reasonOf(
          open(),
          await site((_request, response) => response.writeHead(status).end(status === 204 ? undefined : TOKEN)),
        ),
        String(status),
      ).to.equal('status');
    }
  });

  it('follows no redirect, wherever it points', async () => {
    let followed = 0;
    const target = await site((_request, response) => {
      followed += 1;
      response.end(TOKEN);
    });
    for (const location of [
      `${target}${PATH}`,
      'http://169.254.169.254/latest/meta-data/',
      '/elsewhere',
      '//evil.example',
    ]) {
      for (const status of [301, 302, 303, 307, 308]) {
        expect(
          await reasonOf(
            open(),
            await site((_request, response) => response.writeHead(status, { location }).end(TOKEN)),
          ),
        ).to.equal('redirect');
      }
    }
    expect(followed).to.equal(0);
  });

  it('reads 4 KiB and not a byte more', async () => {
    const padded = (size: number) => TOKEN.padEnd(size, ' ');
    expect(await reasonOf(open(), await site((_request, response) => response.end(padded(4096))))).to.equal('ok');
    expect(await reasonOf(open(), await site((_request, response) => response.end(padded(4097))))).to.equal(
      'too_large',
    );
    expect(
      await reasonOf(
        open(),
        await site((_request, response) => response.writeHead(200, { 'content-length': 5120 }).end(padded(5120))),
      ),
    ).to.equal('too_large');
    expect(
      await reasonOf(
        open(),
        await site((_request, response) => void response.write(padded(4000), () => response.end(padded(1120)))),
      ),
    ).to.equal('too_large');
  });

  it('stops reading an endless body', async () => {
    let sent = 0;
    const origin = await site((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) sent += 16_384;
      };
      response.on('drain', more);
      more();
    });
    expect(await reasonOf(open({ timeoutMs: 5000 }), origin)).to.equal('too_large');
    expect(sent).to.be.lessThan(20 * 1024 * 1024);
  });

  it('gives up on a body that drips', async () => {
    const origin = await site((_request, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await reasonOf(hasty(), origin)).to.equal('timeout');
  });

  it('gives up on headers that never end, or are too large', async () => {
    const dripping = createTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('X-A: b\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await reasonOf(hasty(), `http://127.0.0.1:${await listen(dripping)}`)).to.equal('timeout');
    const informing = createTcpServer((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await reasonOf(hasty(), `http://127.0.0.1:${await listen(informing)}`)).to.equal('timeout');
    const huge = createTcpServer(
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\nX-A: ${'b'.repeat(20_000)}\r\n\r\n`),
    );
    expect(await reasonOf(open(), `http://127.0.0.1:${await listen(huge)}`)).to.equal('unreachable');
  });

  it('gives up on a server that is silent, before or after the request, or in the middle of TLS', async () => {
    const silent = createTcpServer(() => undefined);
    const port = await listen(silent);
    expect(await reasonOf(hasty(), `http://127.0.0.1:${port}`)).to.equal('timeout');
    expect(await reasonOf(hasty(), `https://127.0.0.1:${port}`)).to.equal('timeout');
  });

  it('gives up on a name that does not resolve in time', async () => {
    expect(await reasonOf(hasty({ resolve: () => new Promise(() => undefined) }), 'https://slow.example')).to.equal(
      'timeout',
    );
  });

  it('calls what is not HTTP, cut short, closed or upgraded unreachable', async () => {
    const answers = [
      'hello\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
      '',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ];
    for (const answer of answers) {
      const server = createTcpServer((socket) => socket.once('data', () => socket.end(answer)));
      expect(await reasonOf(open(), `http://127.0.0.1:${await listen(server)}`), answer).to.equal('unreachable');
    }
    const closed = createTcpServer();
    const port = await listen(closed);
    running.splice(0).forEach((server) => server.close());
    expect(await reasonOf(open(), `http://127.0.0.1:${port}`)).to.equal('unreachable');
    expect(
      await reasonOf(open({ resolve: () => Promise.reject(new Error('ENOTFOUND')) }), 'https://nowhere.example'),
    ).to.equal('unreachable');
    expect(await reasonOf(open({ resolve: resolvesTo() }), 'https://nowhere.example')).to.equal('unreachable');
  });

  describe('with certificates', () => {
    async function secureSite(names: readonly string[], daysFromNow?: number): Promise<number> {
      return listen(https.createServer(ca.issue(names, daysFromNow), (_request, response) => response.end(TOKEN)));
    }

    it('takes a good one, by name and by address, and only from a CA it knows', async () => {
      const port = await secureSite(['localhost', '127.0.0.1']);
      expect(await reasonOf(open({ extraCa: [ca.cert] }), `https://localhost:${port}`)).to.equal('ok');
      expect(await reasonOf(open({ extraCa: [ca.cert] }), `https://127.0.0.1:${port}`)).to.equal('ok');
      expect(await reasonOf(open(), `https://localhost:${port}`)).to.equal('unreachable');
      expect(await reasonOf(open({ extraCa: [createCa().cert] }), `https://localhost:${port}`)).to.equal('unreachable');
    });

    it('refuses one of another name, and an expired one', async () => {
      const resolve = resolvesTo('127.0.0.1');
      expect(
        await reasonOf(
          open({ extraCa: [ca.cert], resolve }),
          `https://shop.example:${await secureSite(['other.example'])}`,
        ),
      ).to.equal('unreachable');
      expect(
        await reasonOf(
          open({ extraCa: [ca.cert], resolve }),
          `https://shop.example:${await secureSite(['shop.example'], -1)}`,
        ),
      ).to.equal('unreachable');
      expect(
        await reasonOf(
          open({ extraCa: [ca.cert], resolve }),
          `https://shop.example:${await secureSite(['shop.example'])}`,
        ),
      ).to.equal('ok');
    });

    it('asks for the name it verifies, whatever address that has', async () => {
      let serverName: string | false | null | undefined;
      const server = https.createServer({ ...ca.issue(['shop.example']) }, (_request, response) => response.end(TOKEN));
      server.on('secureConnection', (socket) => {
        serverName = socket.servername;
      });
      const port = await listen(server);
      expect(
        await reasonOf(open({ extraCa: [ca.cert], resolve: resolvesTo('127.0.0.1') }), `https://shop.example:${port}`),
      ).to.equal('ok');
      expect(serverName).to.equal('shop.example');
    });
  });

  describe('without private sites', () => {
    /** Counts connections to a port on loopback; nobody should ever make one. */
    async function trap(): Promise<{ readonly port: number; readonly connections: () => number }> {
      let count = 0;
      const server = createTcpServer((socket) => {
        count += 1;
        socket.destroy();
      });
      return { port: await listen(server, true), connections: () => count };
    }

    const closed = (options: Partial<OriginVerifierOptions> = {}): OriginVerifier =>
      new OriginVerifier({ clock: systemClock, allowPrivateSites: false, timeoutMs: 1000, ...options });

    it('never connects to a private address, in whatever spelling', async () => {
      const { port, connections } = await trap();
      const hosts = [
        '127.0.0.1',
        '127.1',
        '127.0.1',
        '0x7f.1',
        '0x7f000001',
        '2130706433',
        '017700000001',
        '0177.0.0.1',
        '0',
        '0.0.0.0',
        '127.0.0.1.',
        '[::1]',
        '[::]',
        '[0:0:0:0:0:0:0:1]',
        '[::ffff:127.0.0.1]',
        '[::ffff:7f00:1]',
        '[::127.0.0.1]',
        '[64:ff9b::127.0.0.1]',
        '[64:ff9b::7f00:1]',
        '[2002:7f00:1::]',
        '[fe80::1]',
        '[fd00:ec2::254]',
        '10.0.0.1',
        '192.168.0.1',
        '169.254.169.254',
        '0xa9fea9fe',
        '2852039166',
        '[::ffff:169.254.169.254]',
        '100.100.100.200',
        '１２７.0.0.1',
        '①②⑦.0.0.1',
      ];
      for (const host of hosts)
        expect(await reasonOf(closed(), new URL(`https://${host}:${port}`).origin), host).to.equal('not_public');
      expect(connections()).to.equal(0);
    });

    it('never connects when a name has a private address, alone or among public ones', async () => {
      const { port, connections } = await trap();
      for (const addresses of [
        ['127.0.0.1'],
        ['::1'],
        ['93.184.216.34', '127.0.0.1'],
        ['2606:4700:4700::1111', '::ffff:10.0.0.1'],
        ['64:ff9b::a9fe:a9fe'],
      ]) {
        expect(
          await reasonOf(closed({ resolve: resolvesTo(...addresses) }), `https://rebind.example:${port}`),
          addresses.join(),
        ).to.equal('not_public');
      }
      expect(connections()).to.equal(0);
    });

    it('never verifies plain http', async () =>
      expect(await reasonOf(closed({ resolve: resolvesTo('93.184.216.34') }), 'http://shop.example')).to.equal(
        'not_public',
      ));

    it('does not find localhost by name', async () => {
      const { port, connections } = await trap();
      expect(await reasonOf(closed(), `https://localhost:${port}`)).to.be.oneOf([
        'not_public',
        'unreachable',
        'timeout',
      ]);
      expect(connections()).to.equal(0);
    });
  });

  it('resolves once and connects to just that: a second, different answer is never asked for', async () => {
    const port = await listen(
      https.createServer(ca.issue(['rebind.example']), (_request, response) => response.end(TOKEN)),
    );
    let asked = 0;
    const resolve: HostResolver = () => {
      asked += 1;
      return Promise.resolve([{ address: asked === 1 ? '127.0.0.1' : '192.0.2.1', family: 4 }]);
    };
    expect(await reasonOf(open({ resolve, extraCa: [ca.cert] }), `https://rebind.example:${port}`)).to.equal('ok');
    expect(asked).to.equal(1);
  });

  it('tries another address of the name when the first does not answer', async () => {
    const port = await listen(http.createServer((_request, response) => response.end(TOKEN)));
    expect(
      await reasonOf(
        open({ timeoutMs: 5000, resolve: resolvesTo('127.0.0.9', '127.0.0.1') }),
        `http://shop.example:${port}`,
      ),
    ).to.equal('ok');
  });

  it('uses no proxy of the environment', async () => {
    let proxied = 0;
    const proxy = await site((_request, response) => {
      proxied += 1;
      response.end(TOKEN);
    });
    const origin = await site((_request, response) => response.end(TOKEN));
    const names = [
      'HTTP_PROXY',
      'http_proxy',
      'HTTPS_PROXY',
      'https_proxy',
      'ALL_PROXY',
      'NODE_USE_ENV_PROXY',
    ] as const;
    const before = names.map((name) => process.env[name]);
    try {
      for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : proxy;
      expect(await reasonOf(open(), origin)).to.equal('ok');
    } finally {
      names.forEach((name, index) => {
        const value = before[index];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      });
    }
    expect(proxied).to.equal(0);
  });

  it('runs a bounded number of fetches at once', async () => {
    const port = await listen(createTcpServer(() => undefined));
    const verifier = open({ maxConcurrent: 2, timeoutMs: 1500 });
    const slow = [reasonOf(verifier, `http://127.0.0.1:${port}`), reasonOf(verifier, `http://127.0.0.1:${port}`)];
    const error = await verifier.verify(`http://127.0.0.1:${port}`, TOKEN).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(OpenLockError).with.property('code', 'rate_limited');
    expect(await Promise.all(slow)).to.deep.equal(['timeout', 'timeout']);
    expect(await reasonOf(verifier, await site((_request, response) => response.end(TOKEN)))).to.equal('ok');
  });

  it('leaves no connection behind', async () => {
    const port = await listen(createTcpServer((socket) => socket.resume()));
    await Promise.all(Array.from({ length: 10 }, () => reasonOf(open({ timeoutMs: 100 }), `http://127.0.0.1:${port}`)));
    while (sockets.size > 0) await once([...sockets][0] as Socket, 'close');
    expect(sockets.size).to.equal(0);
  });
});
