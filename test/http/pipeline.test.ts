import { expect } from 'chai';

import { OpenLockError } from '../../src/protocol/problem.js';
import { startTestApi, type Reply, type TestApi } from './support/api.js';
import { COMMAND_ID, DOOR, caller } from './support/fakes.js';

const COMMANDS = `/v1/doors/${DOOR}/commands`;

describe('the HTTP pipeline', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api.stop());

  describe('conventions (protocol 2)', () => {
    it('gives every response an id of its own, and logs a well-formed one of the client without echoing it', async () => {
      const first = await api.call('/healthz', { headers: { 'x-request-id': 'mine-1' } });
      const second = await api.call('/nothing', { headers: { 'x-request-id': 'bad id\t' } });
      expect(first.headers['x-request-id']).to.match(/^[A-Za-z0-9_-]{16}$/);
      expect(second.headers['x-request-id'])
        .to.match(/^[A-Za-z0-9_-]{16}$/)
        .and.not.equal(first.headers['x-request-id']);
      expect(api.log.lines[0]?.fields).to.include({
        clientRequestId: 'mine-1',
        requestId: first.headers['x-request-id'],
      });
      expect(api.log.lines[1]?.fields).to.include({ clientRequestId: undefined });
    });

    it('answers errors as problem+json with all members, and the same id as the header', async () => {
      const { status, headers, json } = await api.call('/nothing');
      expect(status).to.equal(404);
      expect(headers['content-type']).to.equal('application/problem+json');
      expect(json).to.deep.equal({
        type: 'urn:openlock:problem:not_found',
        title: 'There is nothing here',
        status: 404,
        code: 'not_found',
        detail: 'There is nothing at this path.',
        requestId: headers['x-request-id'],
      });
    });

    it('sends the headers a JSON API should, and none that tell what it is made of', async () => {
      const { headers } = await api.call('/v1/doors', { token: 'good' });
      expect(headers).to.include({
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        vary: 'Origin',
      });
      expect(headers).to.not.have.any.keys(
        'x-powered-by',
        'etag',
        'server',
        'strict-transport-security',
        'access-control-allow-origin',
      );
    });

    it('asks for TLS from then on where TLS is on and the name is not localhost', async () => {
      const [pinned, local] = await Promise.all([
        startTestApi({ tls: true }),
        startTestApi({ tls: true, publicOrigins: ['https://localhost:8443'] }),
      ]);
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
      for (const path of [
        '/v1/doors/',
        '/V1/doors',
        '/v1//doors',
        `${COMMANDS}/`,
        '//v1/doors',
        '*',
        '/v1/doors/a/b/c/d',
      ]) {
        expect((await api.call(path, { token: 'good' })).json['code'], path).to.equal('not_found');
      }
    });

    it('answers HEAD like GET without a body, and OPTIONS with what is allowed', async () => {
      const get = await api.call('/v1/doors', { token: 'good' });
      const head = await api.call('/v1/doors', { method: 'HEAD', token: 'good' });
      expect([head.status, head.headers['content-length'], head.text]).to.deep.equal([
        200,
        get.headers['content-length'],
        '',
      ]);
      const options = await api.call(COMMANDS, { method: 'OPTIONS' });
      expect([options.status, options.headers.allow, options.text]).to.deep.equal([204, 'POST, OPTIONS', '']);
    });

    it('ignores query strings', async () => {
      expect((await api.call('/v1/doors?x[y]=1&x=2&%', { token: 'good' })).status).to.equal(200);
      expect(
        (await api.call(`${COMMANDS}?a=b`, { method: 'POST', token: 'good', body: { jwe: 'x' } })).status,
      ).to.equal(200);
    });

    it('refuses a path that cannot be decoded, and takes escapes for the characters they are', async () => {
      expect((await api.call('/v1/doors/%zz', { token: 'good' })).json['code']).to.equal('invalid_request');
      expect((await api.call('/v1/doors/%66ront-door', { token: 'good' })).status).to.equal(200);
      expect(
        (await api.call('/v1/doors/%66ront-door/commands', { method: 'POST', token: 'good', body: { jwe: 'x' } }))
          .status,
      ).to.equal(200);
    });

    it('says 426 to a plain request for a socket', async () => {
      for (const path of ['/v1/socket', '/v1/devices/socket']) {
        const { status, headers, json } = await api.call(path);
        expect([status, json['code'], headers.upgrade]).to.deep.equal([426, 'upgrade_required', 'websocket']);
      }
    });
  });

  describe('tokens', () => {
    it('asks for a token as RFC 6750 says, and does not count a missing one', async () => {
      const { status, headers, json } = await api.call('/v1/doors');
      expect([status, json['code'], headers['www-authenticate']]).to.deep.equal([
        401,
        'unauthenticated',
        'Bearer realm="openlock"',
      ]);
      expect(api.failures.recorded).to.deep.equal([]);
    });

    it('counts forged tokens, and not expired ones', async () => {
      for (const token of ['forged', 'a.b.c']) {
        const { headers, json } = await api.call('/v1/doors', { token });
        expect([json['code'], headers['www-authenticate']]).to.deep.equal([
          'unauthenticated',
          'Bearer realm="openlock", error="invalid_token", error_description="The access token is not valid"',
        ]);
      }
      expect((await api.call('/v1/doors', { headers: { authorization: 'Basic eDp5' } })).json['code']).to.equal(
        'unauthenticated',
      );
      const expired = await api.call('/v1/doors', { token: 'expired' });
      expect(expired.json['code']).to.equal('token_expired');
      expect(expired.headers['www-authenticate']).to.contain('expired');
      expect(api.failures.recorded).to.deep.equal(Array(3).fill('127.0.0.1'));
    });

    it('comes before everything that is asked, as protocol 6.5 orders it', async () => {
      const bad = { method: 'POST', body: 'not json', headers: { 'content-type': 'text/plain' } };
      expect((await api.call(COMMANDS, bad)).json['code']).to.equal('unauthenticated');
      api.sites.refuseAdmission = new OpenLockError('token_revoked', 'The session has ended.');
      expect((await api.call(COMMANDS, { ...bad, token: 'good' })).json['code']).to.equal('token_revoked');
      expect(api.failures.recorded).to.deep.equal([]);
    });

    it('takes one from the bucket for each call, and nothing for a revocation', async () => {
      await api.call('/v1/doors', { token: 'good' });
      await api.call('/v1/auth/revoke', { method: 'POST', token: 'good' });
      expect(api.sites.admitted).to.deep.equal([
        { caller, cost: 1 },
        { caller, cost: 0 },
      ]);
      expect(api.sites.revoked).to.deep.equal(['session-1']);
    });

    it('says when to come back, in seconds rounded up and in milliseconds', async () => {
      api.sites.refuseAdmission = new OpenLockError('rate_limited', 'Too many.');
      const untimed = await api.call('/v1/doors', { token: 'good' });
      expect([untimed.headers['retry-after'], untimed.json['retryAfterMs']]).to.deep.equal(['1', 1000]);
      api.sites.refuseAdmission = new OpenLockError('rate_limited', 'Too many.', { retryAfterMs: 1001 });
      const timed = await api.call('/v1/doors', { token: 'good' });
      expect([timed.status, timed.headers['retry-after'], timed.json['retryAfterMs']]).to.deep.equal([429, '2', 1001]);
      expect(api.metrics.seen).to.deep.include({ limit: 'site' });
    });
  });

  describe('answers', () => {
    it('gives the same for the command route whether it was matched before Express or by it', async () => {
      const post = { method: 'POST', token: 'good', body: { jwe: 'x' } };
      const hot = await api.call(COMMANDS, post);
      const byExpress = await api.call('/v1/doors/%66ront-door/commands', post);
      const comparable = ({ headers, json }: Reply) => [json, { ...headers, 'x-request-id': '', date: '' }];
      expect(comparable(hot)).to.deep.equal(comparable(byExpress));
      expect(hot.headers['x-request-id']).to.not.equal(byExpress.headers['x-request-id']);
      expect(hot.json).to.deep.equal({
        commandId: COMMAND_ID,
        state: 'executed',
        status: 200,
        receipt: 'receipt',
        latencyMs: 12,
      });
    });

    it('says 422 when the door said 400, with its receipt', async () => {
      const { status, json } = await api.call(COMMANDS, { method: 'POST', token: 'good', body: { jwe: 'refused' } });
      expect(status).to.equal(422);
      expect(json).to.include({
        code: 'door_refused',
        status: 400,
        commandId: COMMAND_ID,
        state: 'refused',
        receipt: 'receipt',
      });
    });

    it('takes a name that cannot be a door’s, or a command’s, for one that does not exist', async () => {
      expect((await api.call('/v1/doors/x', { token: 'good' })).json['code']).to.equal('door_not_found');
      expect((await api.call('/v1/doors/a%2Fb/status', { token: 'good' })).json['code']).to.equal('door_not_found');
      expect((await api.call('/v1/doors/unknown/commands/short', { token: 'good' })).json['code']).to.equal(
        'door_not_found',
      );
      expect((await api.call(`${COMMANDS}/short`, { token: 'good' })).json['code']).to.equal('command_not_found');
      expect((await api.call(`${COMMANDS}/${COMMAND_ID}`, { token: 'good' })).status).to.equal(200);
    });

    it('logs an unknown error with the request id and tells nobody else what it was', async () => {
      api.doors.list = () => Promise.reject(new Error('secret internals'));
      const { status, json, text } = await api.call('/v1/doors', { token: 'good' });
      expect([status, json['code']]).to.deep.equal([500, 'internal']);
      expect(text).to.not.contain('secret internals');
      const line = api.log.lines.find(({ level }) => level === 'error');
      expect(line?.fields).to.include({ requestId: json['requestId'], work: 'listDoors' });
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

  describe('what a refusal leaves behind (protocol 10)', () => {
    it('is an audit entry by kind, with the site and the door where they are known', async () => {
      await api.call('/v1/doors', { token: 'forged' });
      await api.call('/v1/doors');
      api.commands.status = () => Promise.reject(new OpenLockError('action_not_allowed', 'A viewer may not.'));
      await api.call(`/v1/doors/${DOOR}/status`, { token: 'good' });
      await api.call('/v1/doors/unknown', { token: 'good' });
      expect(api.trail.refusals.map((refusal) => ({ ...refusal, requestId: undefined }))).to.deep.equal([
        {
          kind: 'auth_failed',
          actor: 'anonymous',
          code: 'unauthenticated',
          address: '127.0.0.1',
          requestId: undefined,
        },
        { kind: 'refused', actor: 'anonymous', code: 'unauthenticated', address: '127.0.0.1', requestId: undefined },
        {
          kind: 'refused',
          actor: 'site-1',
          code: 'action_not_allowed',
          address: '127.0.0.1',
          requestId: undefined,
          door: DOOR,
        },
        { kind: 'refused', actor: 'site-1', code: 'door_not_found', address: '127.0.0.1', requestId: undefined },
      ]);
      expect(api.metrics.seen)
        .to.deep.include({ kind: 'access_token' })
        .and.to.deep.include({ code: 'door_not_found' });
    });

    it('is no second entry for a command whose end is one already', async () => {
      await api.call(COMMANDS, { method: 'POST', token: 'good', body: { jwe: 'refused' } });
      expect(api.trail.refusals).to.deep.equal([]);
      expect(api.metrics.seen).to.deep.include({ code: 'door_refused' });
    });
  });
});
