import { connect } from 'node:net';
import { once } from 'node:events';

import { expect } from 'chai';

import { ClientConnection } from '../../src/channels/websocket/client-connection.js';
import { systemClock } from '../../src/clock.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { caller, DOOR } from '../http/support/fakes.js';
import { FakeClock } from '../support/fake-clock.js';
import { WaysIn, type Answer } from './support.js';

/** 15 KiB of escapes: what a strict parser works hardest on. */
const escapeHeavy = (ref = 'flood'): string =>
  `{"t":"command","ref":"${ref}","door":"${DOOR}","jwe":"${'\\u0041'.repeat(2500)}"}`;
const status = { t: 'status', ref: 'r', door: DOOR };

describe('client sockets that ask too much (protocol 8.4)', () => {
  let ways: WaysIn;
  const start = async (...over: ConstructorParameters<typeof WaysIn>): Promise<void> => {
    ways = await new WaysIn(...over).start();
  };
  afterEach(() => ways.stop());

  it('refuse a frame whose token has run out before the next look at the clock, and close (protocol 7.7)', async () => {
    const clock = new FakeClock(caller.expiresAt - 1);
    await start({}, clock);
    const client = await ways.client();
    expect(await client.ask(status)).to.include({ t: 'status' });
    clock.time = caller.expiresAt; // no tick: the frame itself must be looked at
    expect(await client.ask(status)).to.include({ t: 'error', code: 'token_expired' });
    expect(await client.closed).to.equal(4002);
  });

  describe('frames over the limit of the address', () => {
    beforeEach(async () => {
      // The rest after each of them is not waited for.
      await start({}, { ...systemClock, after: (_ms, work) => systemClock.after(0, work) });
      ways.verdict = { allowed: false, retryAfterMs: 20, sustained: false };
    });
    const openAnyway = async () => {
      const { verdict } = ways;
      ways.verdict = { ...verdict, allowed: true };
      const client = await ways.client();
      ways.verdict = verdict;
      return client;
    };

    it('are refused unread: not even broken JSON is noticed', async () => {
      const client = await openAnyway();
      const limited = { t: 'error', code: 'rate_limited', retryAfterMs: 20 };
      for (const frame of ['{"t":', '[[[[[[[[[[[[', '{"t":"status","t":"status"}', 'x'.repeat(16_000)])
        expect(await client.ask(frame)).to.include(limited);
      expect(ways.sites.admitted.filter(({ cost }) => cost === 1)).to.have.length(1); // its upgrade
    });

    it('are answered with their ref where it is easily found, and in few bytes', async () => {
      const client = await openAnyway();
      expect(await client.ask(escapeHeavy('mine'))).to.include({ ref: 'mine' });
      expect(await client.ask({ ref: 'first', t: 'status', door: DOOR })).to.include({ ref: 'first' });
      const odd = [
        JSON.stringify({ t: 'status', door: 'x'.repeat(1000), ref: 'late' }),
        '{"t":"status","\\u0072ef":"decoded"}',
        JSON.stringify({ t: 'status', ref: 'x'.repeat(65) }),
        JSON.stringify({ t: 'status', ref: 'with " in it' }),
        JSON.stringify({ t: '"ref":"inside a string"' }),
      ];
      for (const frame of odd) {
        const answer = await client.ask(frame);
        expect(answer, frame).to.not.have.property('ref');
        expect(JSON.stringify(answer).length).to.be.below(200);
      }
    });

    it('cost a small part of what reading them would', () => {
      const frame = escapeHeavy();
      const cost = (allowed: boolean): number => {
        ways.verdict = { allowed, retryAfterMs: 20, sustained: false };
        let listener: (text: string) => void = () => undefined;
        const socket = {
          onText: (to: typeof listener) => (listener = to),
          onPong() {},
          onClosed() {},
          send() {},
          pause() {},
          resume() {},
          close() {},
        };
        new ClientConnection({
          socket: socket as never,
          clock: systemClock,
          gate: ways.gate,
          handler: ways.hub,
          caller,
          context: { requestId: 'r', address: '127.0.0.1', origin: undefined },
        }).start();
        const begun = process.cpuUsage();
        for (let count = 0; count < 150; count += 1) listener(frame);
        return process.cpuUsage(begun).user;
      };
      const read = cost(true);
      expect(cost(false)).to.be.below(read / 4);
    });

    it('are not read faster than the socket rests after each, however fast they are sent', async () => {
      const rests: (() => void)[] = [];
      await ways.stop();
      await start({}, { ...systemClock, after: (_ms, work) => (rests.push(work), () => undefined) });
      ways.verdict = { allowed: false, retryAfterMs: 20, sustained: false };
      const client = await openAnyway();
      for (let sent = 0; sent < 100; sent += 1) client.ws.send(escapeHeavy());
      await client.next();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const refused = (): number => ways.metrics.seen.filter(({ code }) => code === 'rate_limited').length;
      const first = refused();
      expect(first).to.be.within(1, 20); // what had been read when it began to rest
      rests.shift()?.();
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(refused() - first).to.be.within(1, 20);
      client.ws.terminate();
      rests.shift()?.();
    });

    it('close the socket with 4005 at the two hundredth, and nothing is read or answered after that', async () => {
      const client = await openAnyway();
      const answers: Answer[] = [];
      client.ws.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString()) as Answer));
      for (let sent = 0; sent < 1000; sent += 1) client.ws.send(escapeHeavy());
      expect(await client.closed).to.equal(4005);
      expect(answers).to.have.length(200);
      // A few more came in one piece with the last.
      expect(ways.metrics.seen.filter(({ code }) => code === 'rate_limited').length).to.be.within(200, 210);
    });

    it('that become fewer change nothing: a token that is free now and then does not clear the count', async () => {
      const client = await openAnyway();
      for (let refused = 0; refused < 199; refused += 1) {
        expect(await client.ask(status)).to.include({ code: 'rate_limited' });
        ways.verdict = { ...ways.verdict, allowed: true };
        expect(await client.ask(status)).to.include({ t: 'status' });
        ways.verdict = { ...ways.verdict, allowed: false };
      }
      expect(client.ws.readyState).to.equal(client.ws.OPEN);
      client.ws.send(JSON.stringify(status));
      expect(await client.closed).to.equal(4005);
    });
  });

  it('count every kind of refusal, but not what a door, the store or this relay is to blame for', async () => {
    await start();
    const guilty = await ways.client();
    const kinds: readonly object[] = [
      { t: 'nonsense', ref: 'r' },
      { t: 'token', ref: 'r', accessToken: 'forged' },
      { t: 'subscribe', ref: 'r', doors: ['no-such-door'] },
    ];
    ways.noRole = new OpenLockError('door_not_found', 'No such door.');
    for (let refused = 0; refused < 199; refused += 1) await guilty.ask(kinds[refused % kinds.length] ?? {});
    expect(guilty.ws.readyState).to.equal(guilty.ws.OPEN);
    await guilty.ask({ t: 'nonsense' });
    expect(await guilty.closed).to.equal(4005);

    const unlucky = await ways.client();
    for (const code of ['door_offline', 'door_timeout', 'store_unavailable', 'internal'] as const) {
      ways.commands.status = () => Promise.reject(new OpenLockError(code, 'Not your fault.'));
      for (let refused = 0; refused < 100; refused += 1) expect(await unlucky.ask(status)).to.include({ code });
    }
    expect(unlucky.ws.readyState).to.equal(unlucky.ws.OPEN);
  });

  it('are forgiven after a minute without a refusal', async () => {
    const clock = new FakeClock();
    await start({}, clock);
    const client = await ways.client();
    const refuse = async (times: number): Promise<void> => {
      for (let refused = 0; refused < times; refused += 1) await client.ask({ t: 'nonsense' });
    };
    await refuse(150);
    clock.time += 59_999;
    await refuse(1);
    clock.time += 60_000;
    await refuse(199);
    expect(client.ws.readyState).to.equal(client.ws.OPEN);
    await refuse(1);
    expect(await client.closed).to.equal(4005);
  });

  describe('places', () => {
    const upgrade = () =>
      ways.upgrade('/v1/socket', ['openlock.client.v1'], { headers: { authorization: 'Bearer good' } });

    it('are as many as a site may have, also when all come at once', async () => {
      await start({ siteSockets: 3 });
      // Between the check and the socket there is a wait for the store; all thirty are in it together.
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      ways.sites.admit = () => held;
      const opening = Array.from({ length: 30 }, () => upgrade());
      while (ways.trail.refusals.length < 27) await new Promise((resolve) => setImmediate(resolve));
      release();
      const answers = await Promise.all(opening);
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused).to.have.length(27);
      for (const { code, retryAfter } of refused) expect([code, retryAfter]).to.deep.equal(['rate_limited', '10']);
      expect(ways.metrics.seen).to.deep.include({ limit: 'sockets' });
      expect(ways.trail.refusals.find(({ code }) => code === 'rate_limited')).to.include({
        kind: 'limit_hit',
        actor: 'site-1',
      });
    });

    it('are free again when a socket is closed, when an upgrade is refused, and when it is given up', async () => {
      await start({ siteSockets: 1 });
      const client = await ways.client();
      expect(await upgrade()).to.include({ status: 429 });
      client.ws.terminate();
      await client.closed;
      await untilOpen(upgrade);

      ways.sites.refuseAdmission = new OpenLockError('token_revoked', 'Ended.');
      for (let attempt = 0; attempt < 3; attempt += 1) expect(await upgrade()).to.include({ code: 'token_revoked' });
      ways.sites.refuseAdmission = undefined;

      let admissions = 0;
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const { admit } = ways.sites;
      ways.sites.admit = () => ((admissions += 1), held);
      const socket = connect(ways.port, '127.0.0.1');
      socket.write(
        'GET /v1/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer good\r\n\r\n',
      );
      while (admissions === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(await upgrade()).to.include({ status: 429 });
      socket.destroy();
      await once(socket, 'close');
      ways.sites.admit = admit;
      release();
      await untilOpen(upgrade);
    });

    it('are as many as an address may have, whichever its sites', async () => {
      await start({ addressSockets: 2 });
      await ways.client();
      const operator = () =>
        ways.upgrade('/v1/socket', ['openlock.client.v1'], { headers: { authorization: 'Bearer operator' } });
      expect(await operator()).to.deep.equal({});
      await ways.client();
      expect(await operator()).to.include({ status: 429, detail: 'Too many sockets from this address.' });
    });
  });

  async function untilOpen(upgrade: () => Promise<Answer>): Promise<void> {
    for (;;) if ((await upgrade())['status'] === undefined) return;
  }
});

describe('a caller at the gate', () => {
  it('whose token has run out meanwhile is refused, and the operator has no bucket', async () => {
    const clock = new FakeClock();
    const ways = await new WaysIn({}, clock).start();
    const client = await ways.client({ authorization: 'Bearer operator' });
    expect(await client.ask(status)).to.include({ t: 'status' });
    expect(ways.sites.admitted).to.deep.equal([]);
    clock.time = 2_000_000_000_000;
    client.ws.send(JSON.stringify(status));
    expect(await client.closed).to.equal(4002);
    await ways.stop();
  });
});
