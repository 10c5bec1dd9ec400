import { expect } from 'chai';

import { OpenLockError, type ProblemCode } from '../../src/protocol/problem.js';
import { COMMAND_ID, DOOR, ORIGIN, OTHER_ORIGIN } from '../http/support/fakes.js';
import { sendRaw } from '../http/support/raw.js';
import { WaysIn, type Answer, type Call, type Client } from './support.js';

/** What a refusal leaves behind, besides its answer. */
interface Trace {
  readonly code: ProblemCode;
  /** Kind of its audit entry; absent: none. */
  readonly entry?: string;
  /** The entry names the door. */
  readonly namesDoor?: boolean;
  /** The limit that is counted as met. */
  readonly limit?: string;
  /** Counted as a failed authentication; towards a block of the address, too, unless `failures` says otherwise. */
  readonly failed?: boolean;
  readonly failures?: number;
}

interface Row extends Trace {
  readonly name: string;
  /** After the client socket of `frame` was opened. */
  readonly arrange?: (ways: WaysIn) => void;
  readonly http?: (ways: WaysIn) => Promise<Answer>;
  readonly upgrade?: (ways: WaysIn) => Promise<object>;
  readonly frame?: (client: Client) => Promise<Answer>;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const api =
  (call: Partial<Call> = {}) =>
  (ways: WaysIn) =>
    ways.http({ path: `/v1/doors/${DOOR}/status`, headers: bearer('good'), ...call });
const command = (jwe: string): Partial<Call> => ({ method: 'POST', path: `/v1/doors/${DOOR}/commands`, body: { jwe } });
const socket =
  (headers: Record<string, string> = bearer('good')) =>
  (ways: WaysIn) =>
    ways.upgrade('/v1/socket', ['openlock.client.v1'], { headers });
const ask =
  (frame: object = { t: 'status', ref: 'r', door: DOOR }) =>
  (client: Client) =>
    client.ask(frame);
const token = (accessToken: string) => ask({ t: 'token', ref: 'r', accessToken });
const refuseAdmission = (code: ProblemCode, retryAfterMs?: number) => (ways: WaysIn) => {
  ways.sites.refuseAdmission = new OpenLockError(code, 'No.', retryAfterMs === undefined ? {} : { retryAfterMs });
};
const refuseStatus = (error: Error) => (ways: WaysIn) => {
  ways.commands.status = () => Promise.reject(error);
};

const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer good\r\n';

const ROWS: readonly Row[] = [
  {
    name: 'an address over its limit (8.1)',
    arrange: (ways) => (ways.verdict = { allowed: false, retryAfterMs: 20, sustained: false }),
    http: api(),
    upgrade: socket(),
    frame: ask(),
    code: 'rate_limited',
    entry: 'limit_hit',
    limit: 'address',
  },
  {
    name: 'an address ten seconds over its limit (8.2)',
    arrange: (ways) => (ways.verdict = { allowed: false, retryAfterMs: 20, sustained: true }),
    http: api(),
    upgrade: socket(),
    frame: ask(),
    code: 'rate_limited',
    entry: 'limit_hit',
    limit: 'address',
    failures: 1,
  },
  {
    name: 'a blocked address (8.2)',
    arrange: ({ failures }) => failures.blockedMs.set('127.0.0.1', 1000),
    http: api({ method: 'POST', path: '/v1/auth/refresh', body: { refreshToken: 'refresh-1' } }),
    upgrade: socket(),
    code: 'ip_blocked',
    entry: 'refused',
  },
  { name: 'no token', http: api({ headers: {} }), upgrade: socket({}), code: 'unauthenticated', entry: 'refused' },
  {
    name: 'an Authorization header of another kind',
    http: api({ headers: { authorization: 'Basic eDp5' } }),
    upgrade: socket({ authorization: 'Basic eDp5' }),
    code: 'unauthenticated',
    entry: 'auth_failed',
    failed: true,
  },
  {
    name: 'a Bearer token that is none (one grammar)',
    http: api({ headers: bearer('good=x') }),
    upgrade: socket(bearer('good=x')),
    code: 'unauthenticated',
    entry: 'auth_failed',
    failed: true,
  },
  {
    name: 'a forged token',
    http: api({ headers: bearer('forged') }),
    upgrade: socket(bearer('forged')),
    frame: token('forged'),
    code: 'unauthenticated',
    entry: 'auth_failed',
    failed: true,
  },
  {
    name: 'an expired token',
    http: api({ headers: bearer('expired') }),
    upgrade: socket(bearer('expired')),
    frame: token('expired'),
    code: 'token_expired',
    entry: 'auth_failed',
  },
  {
    name: 'another origin than the token’s (3.6)',
    http: api({ headers: { ...bearer('good'), origin: OTHER_ORIGIN } }),
    upgrade: socket({ ...bearer('good'), origin: OTHER_ORIGIN }),
    code: 'forbidden_origin',
    entry: 'refused',
  },
  {
    name: 'a session that has ended',
    arrange: refuseAdmission('token_revoked'),
    http: api(),
    upgrade: socket(),
    frame: ask(),
    code: 'token_revoked',
    entry: 'auth_failed',
  },
  {
    name: 'a blocked site (3.4)',
    arrange: refuseAdmission('site_blocked'),
    http: api(),
    upgrade: socket(),
    frame: ask(),
    code: 'site_blocked',
    entry: 'refused',
  },
  {
    name: 'an empty bucket (8.1)',
    arrange: refuseAdmission('rate_limited', 70),
    http: api(),
    upgrade: socket(),
    frame: ask(),
    code: 'rate_limited',
    entry: 'limit_hit',
    limit: 'site',
  },
  {
    name: 'a relay with too much to do (8.1)',
    arrange: (ways) => (ways.turnAwayMs = 1500),
    http: api(command('x')),
    frame: ask({ t: 'command', ref: 'r', door: DOOR, jwe: 'x' }),
    code: 'rate_limited',
    entry: 'limit_hit',
    limit: 'relay',
  },
  {
    name: 'a store that is away (8.3)',
    arrange: refuseAdmission('store_unavailable'),
    http: api(),
    upgrade: socket(),
    frame: ask(),
    code: 'store_unavailable',
    entry: 'refused',
  },
  {
    name: 'a door the site may not see (7.6)',
    arrange: refuseStatus(new OpenLockError('door_not_found', 'No such door.')),
    http: api(),
    frame: ask(),
    code: 'door_not_found',
    entry: 'refused',
  },
  {
    name: 'what the role does not allow (7.6)',
    arrange: refuseStatus(new OpenLockError('action_not_allowed', 'A viewer may not.')),
    http: api(),
    frame: ask(),
    code: 'action_not_allowed',
    entry: 'refused',
    namesDoor: true,
  },
  {
    name: 'a site that is too fast at one door (6.6)',
    arrange: refuseStatus(new OpenLockError('rate_limited', 'Too many commands for this door.')),
    http: api(),
    frame: ask(),
    code: 'rate_limited',
    entry: 'limit_hit',
    limit: 'door',
  },
  {
    name: 'a door’s own no, which the command’s entries tell',
    http: api(command('refused')),
    frame: ask({ t: 'command', ref: 'r', door: DOOR, jwe: 'refused' }),
    code: 'door_refused',
  },
  {
    name: 'something broken on our side',
    arrange: refuseStatus(new Error('secret internals')),
    http: api(),
    frame: ask(),
    code: 'internal',
  },
  {
    name: 'what is not well formed',
    http: api({ ...command('x'), body: '{"jwe":' }),
    upgrade: ({ port }) =>
      sendRaw(port, `GET /v1/socket HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Key: short\r\n\r\n`),
    frame: ask({ t: 'status', ref: 'r' }),
    code: 'invalid_request',
    entry: 'refused',
  },
  {
    name: 'a door that does not prove itself (4.4, 4.6)',
    http: api({
      method: 'POST',
      path: '/v1/devices/register',
      headers: {},
      body: { doorId: DOOR, publicKey: 'pem', proof: 'bad' },
    }),
    upgrade: (ways) =>
      ways.upgrade('/v1/devices/socket', ['openlock.door.v1'], {
        headers: { ...bearer('forged'), 'x-openlock-door': DOOR },
      }),
    code: 'unauthenticated',
    entry: 'auth_failed',
    failed: true,
  },
  {
    name: 'a browser that would be a door (3.6)',
    http: api({ method: 'POST', path: '/v1/devices/challenge', headers: { origin: ORIGIN }, body: { doorId: DOOR } }),
    upgrade: (ways) =>
      ways.upgrade('/v1/devices/socket', ['openlock.door.v1'], {
        headers: { ...bearer('x'), 'x-openlock-door': DOOR, origin: ORIGIN },
      }),
    code: 'forbidden_origin',
    entry: 'refused',
  },
];

describe('every refusal, by every way in (protocol 8, 10.1)', () => {
  let ways: WaysIn;
  afterEach(() => ways.stop());

  /** The refusal's trace, from what metrics, failure count and trail were told since. */
  const traceOf = (said: object): Trace => {
    const answer = said as Answer;
    const { seen } = ways.metrics;
    const codes = seen.flatMap(({ code }) => (code === undefined ? [] : [code]));
    const limits = seen.flatMap(({ limit }) => (limit === undefined ? [] : [limit]));
    const entries = ways.trail.refusals.filter(({ kind }) => !kind.startsWith('socket_'));
    expect(entries.length, 'audit entries').to.be.at.most(1);
    expect(codes, 'counted by code').to.have.length(1);
    expect(limits.length, 'limits met').to.be.at.most(1);
    const code = codes[0] as ProblemCode;
    if (code !== 'door_refused' || answer['t'] !== 'result') expect(answer['code']).to.equal(code);
    if (code === 'rate_limited') expect(answer['retryAfterMs']).to.be.a('number');
    if (code === 'door_refused') expect(answer['commandId']).to.equal(COMMAND_ID);
    const entry = entries[0];
    if (entry !== undefined) expect(entry).to.include({ code, address: '127.0.0.1' });
    const failed = seen.some(({ kind }) => kind !== undefined);
    const failures = ways.failures.recorded.length;
    return {
      code,
      ...(entry !== undefined && { entry: entry.kind }),
      ...(entry?.door !== undefined && { namesDoor: true }),
      ...(limits[0] !== undefined && { limit: limits[0] }),
      ...(failed && { failed }),
      ...(failures > 0 && { failures }),
    };
  };

  for (const row of ROWS) {
    const { name, arrange, http, upgrade, frame, ...expected } = row;
    const wanted = { ...expected, ...(expected.failed === true && { failures: 1 }) };
    for (const [way, go] of Object.entries({ http, upgrade })) {
      if (go === undefined) continue;
      it(`${name}: ${way}`, async () => {
        ways = await new WaysIn().start();
        arrange?.(ways);
        expect(traceOf(await go(ways))).to.deep.equal(wanted);
      });
    }
    if (frame === undefined) continue;
    it(`${name}: frame`, async () => {
      ways = await new WaysIn().start();
      const client = await ways.client();
      arrange?.(ways);
      expect(traceOf(await frame(client))).to.deep.equal(wanted);
    });
  }

  it('two Host headers, or none: HTTP and upgrade (RFC 9112 3.2)', async () => {
    ways = await new WaysIn().start();
    for (const hosts of ['Host: a\r\nHost: b\r\n', 'Host: a\r\nhost: a\r\n', '']) {
      for (const request of [
        `GET /healthz HTTP/1.1\r\n${hosts}\r\n`,
        `GET /v1/socket HTTP/1.1\r\n${hosts}${UPGRADE}\r\n`,
      ]) {
        const { status, code } = await sendRaw(ways.port, request);
        expect([status, code], request).to.deep.equal([400, 'invalid_request']);
      }
    }
    expect((await sendRaw(ways.port, 'GET /healthz HTTP/1.0\r\n\r\n')).status).to.equal(200);
  });
});
