import { connect } from 'node:net';

import { expect } from 'chai';

import { OpenLockError } from '../../src/protocol/problem.js';
import { startTestApi, type TestApi } from './support/api.js';
import { DOOR } from './support/fakes.js';
import { sendRaw } from './support/raw.js';

const COMMANDS = `/v1/doors/${DOOR}/commands`;

describe('request bodies (protocol 2.1)', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api.stop());

  const send = (body: unknown, headers = {}) => api.call(COMMANDS, { method: 'POST', token: 'good', body, headers });

  it('takes JSON in UTF-8 and nothing else', async () => {
    for (const type of ['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"']) {
      expect((await send('{"jwe":"x"}', { 'content-type': type })).status, type).to.equal(200);
    }
    for (const type of [
      'text/plain',
      'application/json; charset=latin1',
      'application/jsonx',
      'application/problem+json',
      'application/x-www-form-urlencoded',
      '',
    ]) {
      expect((await send('{"jwe":"x"}', { 'content-type': type })).json['code'], type).to.equal(
        'unsupported_media_type',
      );
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
      empty: '',
      text: 'jwe',
      'a trailing comma': '{"jwe":"x",}',
      'two values': '{"jwe":"x"}{}',
      'a BOM': '\uFEFF{"jwe":"x"}',
      'duplicate members': '{"jwe":"x","jwe":"x"}',
      'duplicates in disguise': '{"jwe":"x","\\u006awe":"y"}',
      'broken UTF-8': Uint8Array.from([...Buffer.from('{"jwe":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
      'deep nesting': `{"jwe":${'['.repeat(9)}${']'.repeat(9)}}`,
      'very deep nesting': '['.repeat(16_000),
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
    expect((await send([secret])).json['detail'])
      .to.match(/^The body: /)
      .and.not.contain(secret);
    expect((await send({ jwe: 'x', extra: secret })).json['detail']).to.equal('/extra: unknown member');
    expect((await send(`{"jwe":"x","${'\\u0007n'.repeat(100)}":1}`)).json['detail']).to.match(
      /^\/(\?n){20}\.\.\.: unknown member$/,
    );
    const login = await api.call('/v1/auth/login', {
      method: 'POST',
      body: { email: secret, website: 'https://x.example' },
    });
    expect(login.json['detail'])
      .to.match(/^\/email: /)
      .and.not.contain(secret);
  });

  it('refuses unknown members on site routes, `__proto__` among them, and ignores them on device routes', async () => {
    for (const extra of ['"extra":1', '"__proto__":{"jwe":"y"}', '"constructor":1']) {
      expect((await send(`{"jwe":"x",${extra}}`)).json['code'], extra).to.equal('invalid_request');
    }
    for (const extra of ['"extra":1', '"__proto__":{"doorId":"zzz"}']) {
      const { status } = await api.call('/v1/devices/challenge', {
        method: 'POST',
        body: `{"doorId":"${DOOR}",${extra}}`,
      });
      expect(status, extra).to.equal(200);
    }
  });

  it('takes a revocation with an empty object or with nothing, and nothing else', async () => {
    const revoke = (body: unknown) => api.call('/v1/auth/revoke', { method: 'POST', token: 'good', body });
    expect((await revoke(undefined)).status).to.equal(204);
    expect((await revoke({})).status).to.equal(204);
    expect((await revoke({ extra: 1 })).json['code']).to.equal('invalid_request');
  });

  const head = (length: string) =>
    `POST ${COMMANDS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;

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
    api.sites.token = () =>
      new Promise((_resolve, reject) => (settle = () => reject(new OpenLockError('unauthenticated', 'Wrong code.'))));
    const socket = connect(api.port, '127.0.0.1');
    socket.write(
      'POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 39\r\n\r\n{"loginId":"login-1","code":"00000000"}',
    );
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
