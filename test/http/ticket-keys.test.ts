import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';

import { expect } from 'chai';

import { systemRandom } from '../../src/clock.js';
import { CertificateKeeper } from '../../src/http/certificate-keeper.js';
import { createListener, type Listener } from '../../src/http/listener.js';
import { TICKET_PERIOD_MS, ticketKeys, ticketPeriod } from '../../src/http/ticket-keys.js';
import { FleetSecrets } from '../../src/sites/fleet-secrets.js';
import { FakeClock } from '../support/fake-clock.js';

const TURN = 40_000 * TICKET_PERIOD_MS;
const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];
/** The server's own certificate, and one that is chosen by name. */
const NAMES = ['localhost', 'relay.example'];

describe('keys of TLS session tickets', () => {
  let dataDir: string;
  let clock: FakeClock;
  let stops: (() => Promise<void>)[];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'openlock-tickets-'));
    clock = new FakeClock(TURN - 5000);
    stops = [];
  });

  afterEach(async () => {
    for (const stop of stops) await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** A relay as far as TLS goes; as another process, which has other arguments. */
  async function startRelay(name: string, secret = Buffer.alloc(32, 7)): Promise<{ port: number; listener: Listener }> {
    const keeper = await CertificateKeeper.load(
      {
        dataDir,
        publicUrls: ['https://relay.example'],
        tlsCert: undefined,
        tlsKey: undefined,
        tlsKeyType: 'ecdsa',
      },
      {
        clock,
        log: { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined },
        ticketSecret: new FleetSecrets(secret),
      },
    );
    process.argv.push(name);
    const listener = createListener({
      tls: keeper.serverOptions,
      clock,
      random: systemRandom,
      handler: (_request, response) => response.end('here'),
    });
    process.argv.pop();
    const port = await listener.start(0, '127.0.0.1');
    if ('setSecureContext' in listener.server) keeper.start(listener.server);
    stops.push(async () => {
      keeper.stop();
      if (!listener.server.listening) return;
      const closed = once(listener.server, 'close');
      listener.server.close();
      listener.server.closeAllConnections();
      await closed;
    });
    return { port, listener };
  }

  interface Visit {
    readonly resumed: boolean;
    /** A ticket of this visit. */
    readonly session: Buffer;
  }

  /** Connects, asks once, and leaves with a ticket. */
  async function visit(port: number, servername: string, version: SecureVersion, session?: Buffer): Promise<Visit> {
    const ca = readFileSync(join(dataDir, 'tls', 'ca.pem'), 'utf8');
    const versions = { minVersion: version, maxVersion: version };
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername, ca, ...versions, session });
    const tickets: Buffer[] = [];
    socket.on('session', (ticket: Buffer) => tickets.push(ticket));
    await once(socket, 'secureConnect');
    expect(socket.authorized).to.equal(true);
    const resumed = socket.isSessionReused();
    socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
    socket.resume();
    await once(socket, 'close');
    // A session of TLS 1.2 that was resumed keeps its ticket.
    return { resumed, session: tickets.at(-1) ?? session ?? Buffer.alloc(0) };
  }

  for (const version of VERSIONS) {
    for (const name of NAMES) {
      it(`resume a session of ${version} with ${name} at another relay, and after a restart`, async () => {
        const [one, other] = [await startRelay('one'), await startRelay('other')];
        const first = await visit(one.port, name, version);
        expect(first.resumed).to.equal(false);
        expect((await visit(other.port, name, version, first.session)).resumed).to.equal(true);
        await stops.shift()?.();
        const again = await startRelay('one again');
        expect((await visit(again.port, name, version, first.session)).resumed).to.equal(true);
      });

      it(`resume no session of ${version} with ${name} after the key has turned`, async () => {
        const { port } = await startRelay('one');
        const before = await visit(port, name, version);
        await clock.advance(4000);
        expect((await visit(port, name, version, before.session)).resumed).to.equal(true);
        await clock.advance(2000);
        expect((await visit(port, name, version, before.session)).resumed).to.equal(false);
        const after = await visit(port, name, version);
        expect((await visit(port, name, version, after.session)).resumed).to.equal(true);
      });
    }
  }

  it('are worth nothing at a fleet with another secret', async () => {
    const [ours, theirs] = [await startRelay('ours'), await startRelay('theirs', Buffer.alloc(32, 8))];
    const { session } = await visit(ours.port, 'localhost', 'TLSv1.3');
    expect((await visit(theirs.port, 'localhost', 'TLSv1.3', session)).resumed).to.equal(false);
  });

  it('turn at noon and midnight UTC everywhere, and are never the same twice', () => {
    const secret = new FleetSecrets(Buffer.alloc(32, 7));
    const period = ticketPeriod(Date.UTC(2026, 0, 1, 12));
    expect(ticketPeriod(Date.UTC(2026, 0, 1, 23, 59, 59, 999))).to.equal(period);
    expect(ticketPeriod(Date.UTC(2026, 0, 2))).to.equal(period + 1);
    const [now, next] = [ticketKeys(secret, period), ticketKeys(secret, period + 1)];
    expect([now.length, next.length]).to.deep.equal([48, 48]);
    // Name, MAC key and encryption key each differ from period to period and from one another.
    const parts = [now, next].flatMap((keys) => [0, 16, 32].map((at) => keys.subarray(at, at + 16).toString('hex')));
    expect(new Set(parts).size).to.equal(6);
  });
});
