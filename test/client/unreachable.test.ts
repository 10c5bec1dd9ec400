/** Why there is no answer: told apart as far as the platform says, with its own error as the cause. */
import { createServer, type Server } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';

import { expect } from 'chai';
import { WebSocket } from 'ws';

import { OpenLock, UnreachableError, type FetchInit, type FetchLike } from '../../src/client/index.js';
import { unreachable } from '../../src/client/unreachable.js';
import { relayFetch } from '../../src/cli/support/relay-client.js';
import { makeCertificate } from '../simulator/support/test-ca.js';
import { failure } from './support/errors.js';
import { FakeDoor } from './support/fake-door.js';

const tokens = { accessToken: 'access-1' };

describe('a relay that cannot be reached', () => {
  const certificate = makeCertificate();
  let server: Server;
  let port: number;
  let closedPort: number;

  before(async () => {
    server = createServer({ key: certificate.key, cert: certificate.cert }, (_request, response) => {
      response.setHeader('content-type', 'application/json').end('{"doors":[]}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
    const unused = createTcpServer();
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
    ({ port: closedPort } = unused.address() as AddressInfo);
    await new Promise((resolve) => unused.close(resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const askDoors = (url: string, fetch?: FetchLike): Promise<unknown> =>
    new OpenLock({ url, tokens, ...(fetch !== undefined && { fetch }) }).doors();
  const overRoute = (toPort: number, ca: readonly string[]): FetchLike =>
    relayFetch({ host: '127.0.0.1', port: toPort, tls: true, ca });

  it('is absent, in the words of the SDK and of Node', async () => {
    for (const fetch of [undefined, overRoute(closedPort, [])]) {
      const error = await failure(askDoors(`https://localhost:${closedPort}`, fetch), UnreachableError);
      expect(error).to.include({ code: 'internal', reason: 'relay_absent', sent: false });
      expect(error.message).to.include('ECONNREFUSED');
      expect(error.cause).to.be.instanceOf(Error);
    }
  });

  it('has no such name', async () => {
    const error = await failure(askDoors('https://no-such-relay.invalid'), UnreachableError);
    expect(error).to.include({ reason: 'relay_absent', sent: false });
  });

  it('has a certificate that is not trusted', async () => {
    for (const fetch of [undefined, overRoute(port, [])]) {
      const error = await failure(askDoors(`https://localhost:${port}`, fetch), UnreachableError);
      expect(error).to.include({ reason: 'certificate_untrusted', sent: false });
      expect(error.message).to.match(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/);
      expect(error.cause).to.be.instanceOf(Error);
    }
  });

  it('has the certificate of another', async () => {
    const error = await failure(askDoors('https://other.example', overRoute(port, [certificate.ca])), UnreachableError);
    expect(error).to.include({ reason: 'certificate_untrusted' });
    expect(error.message).to.include('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('is one with a certificate that is trusted, in the end', async () => {
    expect(await askDoors(`https://localhost:${port}`, overRoute(port, [certificate.ca]))).to.deep.equal([]);
  });

  it('gets no command, so that nobody need ask what became of it', async () => {
    const fake = new FakeDoor();
    let requests = 0;
    const fetch: FetchLike = (url, init) => {
      requests += 1;
      if (url.endsWith('/key')) return Promise.resolve(new Response(JSON.stringify(fake.served())));
      return overRoute(closedPort, [])(url, init);
    };
    const openLock = new OpenLock({ url: `https://localhost:${closedPort}`, tokens, fetch });
    const unlock = openLock.door(fake.id, { kid: fake.kid }).unlock({ password: fake.password });
    expect(await failure(unlock, UnreachableError)).to.include({ reason: 'relay_absent', sent: false });
    expect(requests).to.equal(2);
  });

  it('is told apart on the socket too: by its own error where HTTP works, and to those who wait for it', async () => {
    const openLock = new OpenLock({
      url: `https://localhost:${port}`,
      tokens,
      fetch: overRoute(port, [certificate.ca]),
      WebSocket, // knows no authority
      transport: 'socket',
      requestTimeoutMs: 1_000,
    });
    try {
      const stream = openLock.events(['front-door']);
      const told = new Promise<string>((resolve) => stream.on('disconnected', ({ reason }) => resolve(reason)));
      const status = failure(openLock.door('front-door', { kid: 'A'.repeat(43) }).liveStatus(), UnreachableError);
      expect(await told).to.include('is not trusted here');
      expect(await status).to.include({ reason: 'certificate_untrusted', sent: false });
    } finally {
      openLock.close();
    }
  });

  describe('in a browser, which does not say why', () => {
    const hidden = new TypeError('Failed to fetch');

    /** Answers only what cannot be read, or nothing at all. */
    function browserFetch(isThere: boolean): { readonly seen: FetchInit[]; readonly fetch: FetchLike } {
      const seen: FetchInit[] = [];
      const fetch: FetchLike = (_url, init) => {
        seen.push(init);
        return isThere && init.mode === 'no-cors'
          ? Promise.resolve(new Response(null, { status: 204 }))
          : Promise.reject(hidden);
      };
      return { seen, fetch };
    }

    it('blocks an origin: somebody is there, but this page may not read the answer', async () => {
      const { fetch, seen } = browserFetch(true);
      const error = await failure(askDoors('https://relay.example', fetch), UnreachableError);
      expect(error).to.include({ reason: 'origin_blocked', cause: hidden });
      expect(seen[1]).to.include({ mode: 'no-cors', method: 'GET', credentials: 'omit' });
      expect(seen[1]?.headers).to.deep.equal({});
    });

    it('is silent altogether: the message says what it may be', async () => {
      const error = await failure(askDoors('https://relay.example', browserFetch(false).fetch), UnreachableError);
      expect(error).to.include({ reason: 'network', sent: true, cause: hidden });
      expect(error.message).to.match(/away.*certificate.*content security policy/);
    });
  });

  it('is known by the codes of Node, wherever in the causes they stand', () => {
    const coded = (code: string, syscall?: string): Error => Object.assign(new Error(code), { code, syscall });
    const reasons: readonly (readonly [string, unknown])[] = [
      ['certificate_untrusted', new TypeError('fetch failed', { cause: coded('DEPTH_ZERO_SELF_SIGNED_CERT') })],
      ['certificate_untrusted', coded('CERT_HAS_EXPIRED')],
      ['certificate_untrusted', coded('SELF_SIGNED_CERT_IN_CHAIN')],
      ['relay_absent', new AggregateError([coded('ECONNREFUSED', 'connect')])],
      ['relay_absent', coded('EHOSTUNREACH', 'connect')],
      ['relay_absent', coded('EAI_AGAIN', 'getaddrinfo')],
      // In the middle of an exchange: the request may have had its effect.
      ['network', coded('ECONNRESET', 'read')],
      ['network', coded('EHOSTUNREACH', 'read')],
      ['network', coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')],
      ['network', new TypeError('Failed to fetch')],
      ['network', 'a string'],
    ];
    for (const [reason, cause] of reasons) {
      expect(unreachable(cause), String(cause)).to.include({ reason, sent: reason === 'network', cause });
    }
  });
});
