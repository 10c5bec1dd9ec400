import { connect } from 'node:net';

import { expect } from 'chai';

import { OpenLockError } from '../../src/protocol/problem.js';
import { startTestApi, type TestApi } from './support/api.js';
import { COMMAND_ID, DOOR, identity } from './support/fakes.js';
import { sendRaw } from './support/raw.js';

const COMMANDS = `/v1/doors/${DOOR}/commands`;

describe('the HTTP pipeline', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api.stop());

  describe('conventions (contract 2)', () => {
    it('gives every response an id of its own, and logs a well-formed one of the client without echoing it', async () => {
      const first = await api.call('/healthz', { headers: { 'x-request-id': 'mine-1' } });
      const second = await api.call('/nothing', { headers: { 'x-request-id': 'bad id\t' } });
      expect(first.headers['x-request-id']).to.match(/^[A-Za-z0-9_-]{16}$/);
      expect(second.headers['x-request-id']).to.match(/^[A-Za-z0-9_-]{16}$/).and.not.equal(first.headers['x-request-id']);
      expect(api.log.lines[0]?.fields).to.include({ clientRequestId: 'mine-1', requestId: first.headers['x-request-id'] });
      expect(api.log.lines[1]?.fields).to.include({ clientRequestId: undefined });
    });

    it('answers errors as problem+json with all members, and the same id as the header', async () => {
      const { status, headers, json } = await api.call('/nothing');
      expect(status).to.equal(404);
      expect(headers['content-type']).to.equal('application/problem+json');
      expect(json).to.deep.equal({
        type: 'urn:openlock:problem:not_found', title: 'There is nothing here', status: 404, code: 'not_found',
        detail: 'There is nothing at this path.', requestId: headers['x-request-id'],
      });
    });

    it('sends the headers a JSON API should, and none that tell what it is made of', async () => {
      const { headers } = await api.call('/v1/doors', { token: 'good' });
      expect(headers).to.include({ 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', vary: 'Origin' });
      expect(headers).to.not.have.any.keys('x-powered-by', 'etag', 'server', 'strict-transport-security', 'access-control-allow-origin');
    });

    it('asks for TLS from then on where TLS is on and the name is not localhost', async () => {
      const [pinned, local] = await Promise.all([startTestApi({ tls: true }), startTestApi({ tls: true, publicOrigins: ['https://localhost:8443'] })]);
      expect((await pinned.call('/healthz')).headers['strict-transport-security']).to.equal('max-age=31536000');
      expect((await local.call('/healthz')).headers['strict-transport-security']).to.equal(undefined);
      await Promise.all([pinned.stop(), local.stop()]);
    });

    it('refuses wrong methods with the ones that are right', async () => {
      for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND', 'POST', 'TRACE']) {
        const { status, headers, json } = await api.call('/v1/doors', { method });
        expect([status, json['code'], headers.allow]).to.deep.equal([405, 'method_not_allowed', 'GET, HEAD, OPTIONS']);
      }
      const hot = await api.call(COMMANDS, { method: 'GET', token: 'good' });
      expect([hot.status, hot.headers.allow]).to.deep.equal([405, 'POST, OPTIONS']);
    });

    it('knows one spelling of each path', async () => {
      for (const path of ['/v1/doors/', '/V1/doors', '/v1//doors', `${COMMANDS}/`, '//v1/doors', '*', '/v1/doors/a/b/c/d']) {
        expect((await api.call(path, { token: 'good' })).json['code'], path).to.equal('not_found');
      }
    });

    it('answers HEAD like GET without a body, and OPTIONS with what is allowed', async () => {
      const get = await api.call('/v1/doors', { token: 'good' });
      const head = await api.call('/v1/doors', { method: 'HEAD', token: 'good' });
      expect([head.status, head.headers['content-length'], head.text]).to.deep.equal([200, get.headers['content-length'], '']);
      const options = await api.call(COMMANDS, { method: 'OPTIONS' });
      expect([options.status, options.headers.allow, options.text]).to.deep.equal([204, 'POST, OPTIONS', '']);
    });

    it('ignores query strings', async () => {
      expect((await api.call('/v1/doors?x[y]=1&x=2&%', { token: 'good' })).status).to.equal(200);
      expect((await api.call(`${COMMANDS}?a=b`, { method: 'POST', token: 'good', body: { jwe: 'x' } })).status).to.equal(200);
    });

    it('refuses a path that cannot be decoded, and takes escapes for the characters they are', async () => {
      expect((await api.call('/v1/doors/%zz', { token: 'good' })).json['code']).to.equal('invalid_request');
      expect((await api.call('/v1/doors/%66ront-door', { token: 'good' })).status).to.equal(200);
      expect((await api.call('/v1/doors/%66ront-door/commands', { method: 'POST', token: 'good', body: { jwe: 'x' } })).status).to.equal(200);
    });

    it('says 426 to a plain request for a socket', async () => {
      for (const path of ['/v1/socket', '/v1/devices/socket']) {
        const { status, headers, json } = await api.call(path);
        expect([status, json['code'], headers.upgrade]).to.deep.equal([426, 'upgrade_required', 'websocket']);
      }
    });
  });

  describe('bodies (contract 2.1)', () => {
    const send = (body: unknown, headers = {}) => api.call(COMMANDS, { method: 'POST', token: 'good', body, headers });

    it('takes JSON in UTF-8 and nothing else', async () => {
      for (const type of ['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"']) {
        expect((await send('{"jwe":"x"}', { 'content-type': type })).status, type).to.equal(200);
      }
      for (const type of ['text/plain', 'application/json; charset=latin1', 'application/jsonx', 'application/problem+json', 'application/x-www-form-urlencoded', '']) {
        expect((await send('{"jwe":"x"}', { 'content-type': type })).json['code'], type).to.equal('unsupported_media_type');
      }
      expect((await send('{"jwe":"x"}', { 'content-encoding': 'gzip' })).json['code']).to.equal('unsupported_media_type');
    });

    it('refuses more than 16 KiB, announced or not', async () => {
      const big = JSON.stringify({ jwe: 'x'.repeat(17 * 1024) });
      const announced = await send(big);
      expect([announced.status, announced.json['code']]).to.deep.equal([413, 'payload_too_large']);
      const chunked = await send(big, { 'transfer-encoding': 'chunked' });
      expect([chunked.status, chunked.json['code']]).to.deep.equal([413, 'payload_too_large']);
      const fits = await send(JSON.stringify({ jwe: 'x'.repeat(16 * 1024 - 10) }));
      expect(fits.status).to.equal(200);
    });

    it('refuses what is not strict JSON', async () => {
      const bad: Record<string, string | Uint8Array> = {
        empty: '', text: 'jwe', 'a trailing comma': '{"jwe":"x",}', 'two values': '{"jwe":"x"}{}', 'a BOM': '\uFEFF{"jwe":"x"}',
        'duplicate members': '{"jwe":"x","jwe":"x"}', 'duplicates in disguise': '{"jwe":"x","\\u006awe":"y"}',
        'broken UTF-8': Uint8Array.from([...Buffer.from('{"jwe":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
        'deep nesting': `{"jwe":${'['.repeat(9)}${']'.repeat(9)}}`, 'very deep nesting': '['.repeat(16_000),
      };
      for (const [name, body] of Object.entries(bad)) {
        const { status, json } = await send(body);
        expect([status, json['code']], name).to.deep.equal([400, 'invalid_request']);
      }
    });

    it('names the place of a fault, and never a value', async () => {
      const secret = 'a-secret-value';
      expect((await send({ jwe: 1 })).json['detail']).to.equal('/jwe: Invalid input: expected string, received number');
      expect((await send({})).json['detail']).to.match(/^\/jwe: /);
      expect((await send([secret])).json['detail']).to.match(/^The body: /).and.not.contain(secret);
      expect((await send({ jwe: 'x', extra: secret })).json['detail']).to.equal('/extra: unknown member');
      expect((await send(`{"jwe":"x","${'\\u0007n'.repeat(100)}":1}`)).json['detail']).to.match(/^\/(\?n){20}\.\.\.: unknown member$/);
      const login = await api.call('/v1/auth/login', { method: 'POST', body: { email: secret, website: 'https://x.example' } });
      expect(login.json['detail']).to.match(/^\/email: /).and.not.contain(secret);
    });

    it('refuses unknown members on site routes, `__proto__` among them, and ignores them on device routes', async () => {
      for (const extra of ['"extra":1', '"__proto__":{"jwe":"y"}', '"constructor":1']) {
        expect((await send(`{"jwe":"x",${extra}}`)).json['code'], extra).to.equal('invalid_request');
      }
      for (const extra of ['"extra":1', '"__proto__":{"doorId":"zzz"}']) {
        const { status } = await api.call('/v1/devices/challenge', { method: 'POST', body: `{"doorId":"${DOOR}",${extra}}` });
        expect(status, extra).to.equal(200);
      }
    });

    it('takes a revocation with an empty object or with nothing, and nothing else', async () => {
      const revoke = (body: unknown) => api.call('/v1/auth/revoke', { method: 'POST', token: 'good', body });
      expect((await revoke(undefined)).status).to.equal(204);
      expect((await revoke({})).status).to.equal(204);
      expect((await revoke({ extra: 1 })).json['code']).to.equal('invalid_request');
    });

    const head = (length: string) => `POST ${COMMANDS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;

    it('gives up on a body that does not arrive, and ends the connection', async () => {
      const impatient = await startTestApi({ bodyTimeoutMs: 50 });
      for (const body of ['', '{"jwe":']) {
        const { status, code } = await sendRaw(impatient.port, `${head('Content-Length: 100')}${body}`);
        expect([status, code]).to.deep.equal([400, 'invalid_request']);
      }
      await impatient.stop();
    });

    it('answers an announced flood at once, and cuts an endless one off', async () => {
      const announced = await sendRaw(api.port, head('Content-Length: 999999999'));
      expect([announced.status, announced.code]).to.deep.equal([413, 'payload_too_large']);
      const socket = connect(api.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(head('Transfer-Encoding: chunked'));
      const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`;
      const flood = setInterval(() => socket.write(chunk), 1);
      await new Promise((resolve) => socket.on('close', resolve));
      clearInterval(flood);
    });

    it('has nothing to say, and nothing to log, when the client goes away in the middle', async () => {
      const socket = connect(api.port, '127.0.0.1');
      socket.write(`${head('Content-Length: 100')}{"jwe":`);
      while (api.sites.admitted.length === 0) await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
      while (api.log.lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(api.log.lines.map(({ level }) => level)).to.deep.equal(['debug']);
      expect([api.trail.refusals, api.metrics.seen]).to.deep.equal([[], []]);
    });

    it('lets a command run its course when its sender goes away, and counts a wrong code all the same', async () => {
      let settle: (() => void) | undefined;
      api.sites.token = () => new Promise((_resolve, reject) => (settle = () => reject(new OpenLockError('unauthenticated', 'Wrong code.'))));
      const socket = connect(api.port, '127.0.0.1');
      socket.write('POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 39\r\n\r\n{"loginId":"login-1","code":"00000000"}');
      while (settle === undefined) await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
      settle();
      while (api.failures.recorded.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect((await api.call('/healthz')).status).to.equal(200);
    });

    it('refuses HTTP/1.1 without a Host', async () => {
      const { status, code } = await sendRaw(api.port, 'GET /healthz HTTP/1.1\r\n\r\n');
      expect([status, code]).to.deep.equal([400, 'invalid_request']);
    });
  });

  describe('tokens', () => {
    it('asks for a token as RFC 6750 says, and does not count a missing one', async () => {
      const { status, headers, json } = await api.call('/v1/doors');
      expect([status, json['code'], headers['www-authenticate']]).to.deep.equal([401, 'unauthenticated', 'Bearer realm="openlock"']);
      expect(api.failures.recorded).to.deep.equal([]);
    });

    it('counts forged tokens, and not expired ones', async () => {
      for (const token of ['forged', 'a.b.c']) {
        const { headers, json } = await api.call('/v1/doors', { token });
        expect([json['code'], headers['www-authenticate']]).to.deep.equal([
          'unauthenticated', 'Bearer realm="openlock", error="invalid_token", error_description="The access token is not valid"',
        ]);
      }
      expect((await api.call('/v1/doors', { headers: { authorization: 'Basic eDp5' } })).json['code']).to.equal('unauthenticated');
      const expired = await api.call('/v1/doors', { token: 'expired' });
      expect(expired.json['code']).to.equal('token_expired');
      expect(expired.headers['www-authenticate']).to.contain('expired');
      expect(api.failures.recorded).to.deep.equal(Array(3).fill('127.0.0.1'));
    });

    it('comes before everything that is asked, as contract 6.5 orders it', async () => {
      const bad = { method: 'POST', body: 'not json', headers: { 'content-type': 'text/plain' } };
      expect((await api.call(COMMANDS, bad)).json['code']).to.equal('unauthenticated');
      api.sites.refuseAdmission = new OpenLockError('token_revoked', 'The session has ended.');
      expect((await api.call(COMMANDS, { ...bad, token: 'good' })).json['code']).to.equal('token_revoked');
      expect(api.failures.recorded).to.deep.equal([]);
    });

    it('takes one from the bucket for each call, and nothing for a revocation', async () => {
      await api.call('/v1/doors', { token: 'good' });
      await api.call('/v1/auth/revoke', { method: 'POST', token: 'good' });
      expect(api.sites.admitted).to.deep.equal([{ identity, cost: 1 }, { identity, cost: 0 }]);
      expect(api.sites.revoked).to.deep.equal(['session-1']);
    });

    it('says when to come back, in seconds rounded up and in milliseconds', async () => {
      api.sites.refuseAdmission = new OpenLockError('rate_limited', 'Too many.', { retryAfterMs: 1001 });
      const timed = await api.call('/v1/doors', { token: 'good' });
      expect([timed.status, timed.headers['retry-after'], timed.json['retryAfterMs']]).to.deep.equal([429, '2', 1001]);
      api.sites.refuseAdmission = new OpenLockError('rate_limited', 'Too many.');
      const untimed = await api.call('/v1/doors', { token: 'good' });
      expect([untimed.headers['retry-after'], untimed.json['retryAfterMs']]).to.deep.equal(['1', 1000]);
      expect(api.metrics.seen).to.deep.include({ limit: 'site' });
    });
  });

  describe('answers', () => {
    it('gives the same for the command route whether it was matched before Express or by it', async () => {
      const post = { method: 'POST', token: 'good', body: { jwe: 'x' } };
      const hot = await api.call(COMMANDS, post);
      const byExpress = await api.call('/v1/doors/%66ront-door/commands', post);
      const { 'x-request-id': hotId, date: _, ...hotHeaders } = hot.headers;
      const { 'x-request-id': expressId, date: __, ...expressHeaders } = byExpress.headers;
      expect([hotHeaders, hot.json]).to.deep.equal([expressHeaders, byExpress.json]);
      expect(hotId).to.not.equal(expressId);
      expect(hot.json).to.deep.equal({ commandId: COMMAND_ID, state: 'executed', status: 200, receipt: 'receipt', latencyMs: 12 });
    });

    it('says 422 when the door said 400, with its receipt', async () => {
      const { status, json } = await api.call(COMMANDS, { method: 'POST', token: 'good', body: { jwe: 'refused' } });
      expect(status).to.equal(422);
      expect(json).to.include({ code: 'door_refused', status: 400, commandId: COMMAND_ID, state: 'refused', receipt: 'receipt' });
    });

    it('takes a name that cannot be a door’s, or a command’s, for one that does not exist', async () => {
      expect((await api.call('/v1/doors/x', { token: 'good' })).json['code']).to.equal('door_not_found');
      expect((await api.call('/v1/doors/a%2Fb/status', { token: 'good' })).json['code']).to.equal('door_not_found');
      expect((await api.call('/v1/doors/unknown/commands/short', { token: 'good' })).json['code']).to.equal('door_not_found');
      expect((await api.call(`${COMMANDS}/short`, { token: 'good' })).json['code']).to.equal('command_not_found');
      expect((await api.call(`${COMMANDS}/${COMMAND_ID}`, { token: 'good' })).status).to.equal(200);
    });

    it('logs an unknown error with the request id and tells nobody else what it was', async () => {
      api.doors.list = () => Promise.reject(new Error('secret internals'));
      const { status, json, text } = await api.call('/v1/doors', { token: 'good' });
      expect([status, json['code']]).to.deep.equal([500, 'internal']);
      expect(text).to.not.contain('secret internals');
      const line = api.log.lines.find(({ level }) => level === 'error');
      expect(line?.fields).to.include({ requestId: json['requestId'], route: 'listDoors' });
      expect(api.trail.refusals).to.deep.equal([]);
    });

    it('says whether it is ready, and that it is up in any case', async () => {
      const away = await startTestApi({ readiness: () => Promise.reject(new Error('store away')) });
      expect((await away.call('/healthz')).json).to.deep.equal({ status: 'ok' });
      const { status, json, headers } = await away.call('/readyz');
      expect([status, json['code'], headers['retry-after']]).to.deep.equal([503, 'store_unavailable', '1']);
      await away.stop();
      expect((await api.call('/readyz')).json).to.deep.equal({ status: 'ready' });
    });
  });

  describe('what a refusal leaves behind (contract 10)', () => {
    it('is an audit entry by kind, with the site and the door where they are known', async () => {
      await api.call('/v1/doors', { token: 'forged' });
      await api.call('/v1/doors');
      api.commands.status = () => Promise.reject(new OpenLockError('action_not_allowed', 'A viewer may not.'));
      await api.call(`/v1/doors/${DOOR}/status`, { token: 'good' });
      await api.call('/v1/doors/unknown', { token: 'good' });
      expect(api.trail.refusals.map(({ requestId: _, ...rest }) => rest)).to.deep.equal([
        { kind: 'auth_failed', actor: 'anonymous', code: 'unauthenticated', address: '127.0.0.1' },
        { kind: 'refused', actor: 'anonymous', code: 'unauthenticated', address: '127.0.0.1' },
        { kind: 'refused', actor: 'site-1', code: 'action_not_allowed', address: '127.0.0.1', door: DOOR },
        { kind: 'refused', actor: 'site-1', code: 'door_not_found', address: '127.0.0.1' },
      ]);
      expect(api.metrics.seen).to.deep.include({ kind: 'access_token' }).and.to.deep.include({ code: 'door_not_found' });
    });

    it('is no second entry for a command whose end is one already', async () => {
      await api.call(COMMANDS, { method: 'POST', token: 'good', body: { jwe: 'refused' } });
      expect(api.trail.refusals).to.deep.equal([]);
      expect(api.metrics.seen).to.deep.include({ code: 'door_refused' });
    });
  });
});
