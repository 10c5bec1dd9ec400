import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';

import { expect } from 'chai';

import { CLIENT_SUBPROTOCOL } from '../../src/protocol/client-frames.js';
import type { TestSite } from '../support/site.js';
import { Attacker, inParallel, maskedFrame } from './support/attacker.js';
import { report, Tally } from './support/figures.js';
import { DOOR, Scene } from './support/scene.js';
import { SIZES } from './support/sizes.js';

const DRIP_MS = 250;
/** Ten seconds of protocol 8.4 and 2.1, two until somebody looks, and what a busy machine takes. */
const ENDED_MS = 16_000;
/** A client socket that does not answer its ping is closed by the second, twenty seconds later (7.7), and two later cut off. */
const SILENT_MS = 46_000;

type Kind = (attacker: Attacker) => Promise<Socket>;

/** Connections that take their time, never come to an end, or come in crumbs: bounded in time and memory (protocol 2.1, 7.7, 8.4). */
describe('slow and fragmenting connections', function () {
  this.timeout(180_000);
  let scene: Scene;
  let site: TestSite;
  let attacker: Attacker;

  before(async () => {
    scene = await Scene.open();
    site = await scene.site('attacker@example.test');
    await scene.startHonest();
    attacker = new Attacker(scene.relay);
  });
  after(async () => {
    attacker?.close();
    await scene?.close();
  });

  /** Writes on and on, until the other side has had enough. */
  function drip(socket: Socket, next: () => string | Buffer, everyMs = DRIP_MS): Socket {
    const timer = setInterval(() => socket.writable && socket.write(next()), everyMs);
    socket.once('close', () => clearInterval(timer));
    socket.once('end', () => socket.destroy());
    return socket.resume();
  }

  const client = (some: Attacker) =>
    some.webSocket('/v1/socket', CLIENT_SUBPROTOCOL, { authorization: `Bearer ${site.accessToken}` });
  const post = (more: string): string =>
    `POST /v1/doors/${DOOR}/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${site.accessToken}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;
  const begin = async (some: Attacker, text: string): Promise<Socket> => {
    const socket = await some.tls();
    socket.write(text);
    return socket;
  };
  const tcp = async (some: Attacker): Promise<Socket> => {
    const socket = connectTcp({ port: scene.relay.port, host: '127.0.0.1', localAddress: some.address });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  const KINDS: Readonly<Record<string, Kind>> = {
    'headers, a character at a time': async (some) =>
      drip(await begin(some, 'GET /healthz HTTP/1.1\r\nX-Slow: '), () => 'x'),
    'headers without end, a line at a time': async (some) =>
      drip(await begin(some, 'GET /healthz HTTP/1.1\r\n'), () => 'X-More: y\r\n'),
    'a body, a character at a time': async (some) => drip(await begin(some, post('Content-Length: 16000')), () => ' '),
    'a body in chunks of one': async (some) =>
      drip(await begin(some, post('Transfer-Encoding: chunked')), () => '1\r\n \r\n'),
    'no request after the handshake': async (some) => drip(await some.tls(), () => ''),
    'a handshake, a byte at a time': async (some) => {
      const hello = Buffer.from([0x16, 0x03, 0x01, 0x01, 0x00, 0x01, 0x00, 0x00, 0xfc, ...Array<number>(200).fill(3)]);
      let at = 0;
      return drip(await tcp(some), () => hello.subarray(at, (at += 1)));
    },
    'half open: its end before the handshake': async (some) => {
      const socket = await tcp(some);
      socket.end();
      return drip(socket, () => '');
    },
    'half open: its end after half a request': async (some) => {
      const socket = await begin(some, 'GET /healthz HT');
      socket.end();
      return drip(socket, () => '');
    },
    'fragments without end': async (some) => {
      const socket = await client(some);
      socket.write(maskedFrame('{', { final: false }));
      return drip(socket, () => maskedFrame('', { opcode: 0, final: false }), 20);
    },
    'a frame in seventeen fragments': async (some) => {
      const socket = await client(some);
      const crumbs = Array.from({ length: 16 }, (_, index) => maskedFrame(' ', { opcode: 0, final: index === 15 }));
      socket.write(Buffer.concat([maskedFrame('{', { final: false }), ...crumbs]));
      return drip(socket, () => '');
    },
  };

  it(`of ${Object.keys(KINDS).length} kinds, all at once: each is ended in time, and none holds memory`, async () => {
    const rssBefore = scene.rssMiB();
    const ended = new Tally();
    const longest = new Map<string, number>();
    let rssMost = 0;
    const { during } = await scene.during(async () => {
      const watch = setInterval(() => (rssMost = Math.max(rssMost, scene.rssMiB())), 250);
      await Promise.all(
        Object.entries(KINDS).map(([kind, open]) =>
          inParallel(SIZES.slowConnections, SIZES.slowConnections, async () => {
            const socket = await open(attacker);
            const begun = performance.now();
            const left = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ENDED_MS));
            if (!(await Promise.race([closed(socket), left]))) return socket.destroy() as never;
            ended.add(kind);
            longest.set(kind, Math.max(longest.get(kind) ?? 0, performance.now() - begun));
          }),
        ),
      );
      clearInterval(watch);
    });
    for (const kind of Object.keys(KINDS)) expect(ended.of(kind), kind).to.equal(SIZES.slowConnections);
    const grown = rssMost - rssBefore;
    expect(grown, 'MiB of the relay more').to.be.below(SIZES.isFull ? 250 : 120);
    for (const [kind, ms] of longest)
      report({
        attack: `slow: ${kind}`,
        tried: SIZES.slowConnections,
        refused: ended.of(kind),
        quiet: scene.quiet,
        during,
        note: `ended after ${(ms / 1000).toFixed(1)} s at the latest; relay ${grown.toFixed(0)} MiB more at the most, for all kinds`,
      });
  });

  it('that are only slow are served: a request in TLS records of one byte, a frame in sixteen fragments', async () => {
    const { during } = await scene.during(() =>
      inParallel(SIZES.slowConnections, 25, async () => {
        const socket = await attacker.tls();
        const request = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
        for (const byte of request) socket.write(byte);
        const answer: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => answer.push(chunk));
        await closed(socket);
        expect(Buffer.concat(answer).toString()).to.match(/^HTTP\/1\.1 200 /);
      }),
    );
    const socket = await client(attacker);
    const text = `{"t":"status","ref":"r","door":"no-such-door"}`;
    const step = Math.ceil(text.length / 16);
    const crumbs = Array.from({ length: 16 }, (_, index) =>
      maskedFrame(text.slice(index * step, (index + 1) * step), { opcode: index === 0 ? 1 : 0, final: index === 15 }),
    );
    for (const crumb of crumbs) socket.write(crumb);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).to.contain('door_not_found');
    socket.destroy();
    report({
      attack: 'TLS records of one byte',
      tried: SIZES.slowConnections,
      refused: 0,
      quiet: scene.quiet,
      during,
      note: 'all served',
    });
  });

  // It takes forty seconds.
  const whenFull = SIZES.isFull ? it : () => undefined;
  whenFull('a frame that never ends: the next ping ends it (7.7)', async () => {
    const { result: latest, during } = await scene.during(async () => {
      let most = 0;
      await inParallel(SIZES.slowConnections, SIZES.slowConnections, async () => {
        const socket = await client(attacker);
        const begun = performance.now();
        socket.write(maskedFrame('x'.repeat(15_000)).subarray(0, 100));
        drip(socket, () => 'x', 1_000);
        await closed(socket);
        most = Math.max(most, performance.now() - begun);
      });
      return most;
    });
    expect(latest).to.be.below(SILENT_MS);
    report({
      attack: 'slow: a frame that never ends',
      tried: SIZES.slowConnections,
      refused: SIZES.slowConnections,
      quiet: scene.quiet,
      during,
      note: `ended after ${(latest / 1000).toFixed(1)} s at the latest`,
    });
  });
});

/** True when the connection is over, whoever ended it. */
function closed(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve(true);
    else socket.once('close', () => resolve(true));
  });
}
