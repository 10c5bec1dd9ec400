import { expect } from 'chai';

import { OpenLockError } from '../../src/protocol/problem.js';
import { startTestApi, type TestApi } from './support/api.js';
import { DOOR, ORIGIN } from './support/fakes.js';
import { sendRaw } from './support/raw.js';
import { countWrites } from '../support/count-writes.js';

const COMMON = [
  'Cache-Control: no-store',
  'Connection: keep-alive',
  "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
  'Date: (now)',
  'Keep-Alive: timeout=65',
  'Vary: Origin',
  'X-Content-Type-Options: nosniff',
  'X-Request-Id: (id)',
];
const READABLE = [`Access-Control-Allow-Origin: ${ORIGIN}`, 'Access-Control-Expose-Headers: Retry-After,X-Request-Id'];

const JSON_BODY = (bytes: number): string[] => ['Content-Type: application/json', `Content-Length: ${bytes}`];
const PROBLEM = (bytes: number): string[] => ['Content-Type: application/problem+json', `Content-Length: ${bytes}`];

describe('the head of an answer', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api.stop());

  /** Status and headers, sorted, with the two that differ each time named. */
  async function headOf(
    request: string,
    headers: readonly string[] = [],
    body = '',
  ): Promise<[number, string[], number]> {
    const lines = [`${request} HTTP/1.1`, 'Host: relay.example', ...headers];
    if (body !== '') lines.push('Content-Type: application/json', `Content-Length: ${body.length}`);
    const { status, text } = await sendRaw(api.port, `${lines.join('\r\n')}\r\n\r\n${body}`);
    const [head = '', answer = ''] = text.split('\r\n\r\n');
    const found = head.split('\r\n').slice(1);
    const told = found.map((line) =>
      line.replace(/^Date: .*/, 'Date: (now)').replace(/^X-Request-Id: [\w-]{16}$/, 'X-Request-Id: (id)'),
    );
    return [status, told.sort(), answer.length];
  }

  async function expectHead(
    wanted: readonly [number, ...string[]],
    got: Promise<[number, string[], number]>,
  ): Promise<void> {
    const [status, ...headers] = wanted;
    const [gotStatus, gotHeaders] = await got;
    expect([gotStatus, ...gotHeaders]).to.deep.equal([status, ...headers.sort()]);
  }

  const command = (headers: string[], body = '{"jwe":"a.b.c"}') =>
    headOf(`POST /v1/doors/${DOOR}/commands`, headers, body);
  const GOOD = 'Authorization: Bearer good';

  it('has the headers it should have and no others, each once: answers', async () => {
    const answer = await command([GOOD]);
    await expectHead([200, ...COMMON, ...JSON_BODY(answer[2])], Promise.resolve(answer));
    await expectHead([200, ...COMMON, ...READABLE, ...JSON_BODY(answer[2])], command([GOOD, `Origin: ${ORIGIN}`]));
    const [, , keys] = await headOf('GET /.well-known/jwks.json');
    const cached = COMMON.with(0, 'Cache-Control: public, max-age=300');
    await expectHead([200, ...cached, ...JSON_BODY(keys)], headOf('GET /.well-known/jwks.json'));
    await expectHead([204, ...COMMON, 'Allow: POST, OPTIONS'], headOf(`OPTIONS /v1/doors/${DOOR}/commands`));
    const preflight = headOf(`OPTIONS /v1/doors/${DOOR}/commands`, [
      `Origin: ${ORIGIN}`,
      'Access-Control-Request-Method: POST',
    ]);
    const allowed = ['Allow: POST, OPTIONS', 'Access-Control-Allow-Methods: POST', 'Access-Control-Max-Age: 600'];
    const headers = 'Access-Control-Allow-Headers: Authorization,Content-Type';
    await expectHead([204, ...COMMON, ...READABLE, ...allowed, headers], preflight);
  });

  it('has the headers it should have and no others, each once: problems', async () => {
    const length = async (got: Promise<[number, string[], number]>) => PROBLEM((await got)[2]);
    const anonymous = command([]);
    await expectHead(
      [401, ...COMMON, 'WWW-Authenticate: Bearer realm="openlock"', ...(await length(anonymous))],
      anonymous,
    );
    const wrongMethod = headOf(`PUT /v1/doors/${DOOR}/commands`);
    await expectHead([405, ...COMMON, 'Allow: POST, OPTIONS', ...(await length(wrongMethod))], wrongMethod);
    const socket = headOf('GET /v1/socket');
    const upgrade = ['Upgrade: websocket', 'Connection: Upgrade'];
    const withoutConnection = COMMON.filter((line) => !/^(Connection|Keep-Alive)/.test(line));
    await expectHead([426, ...withoutConnection, ...upgrade, ...(await length(socket))], socket);
    api.commands.submit = () => Promise.reject(new OpenLockError('rate_limited', 'Later.', { retryAfterMs: 1500 }));
    const refused = command([GOOD, `Origin: ${ORIGIN}`]);
    await expectHead([429, ...COMMON, ...READABLE, 'Retry-After: 2', ...(await length(refused))], refused);
  });
});

describe('the writes of an answer', () => {
  it('are one, for head and body', async () => {
    const api = await startTestApi();
    let writes = 0;
    api.server.on('connection', (socket) => countWrites(socket, () => (writes += 1)));
    for (const path of ['/healthz', '/v1/doors', '/nothing']) {
      writes = 0;
      await api.call(path, { token: 'good', headers: { origin: ORIGIN, connection: 'close' } });
      expect(writes, path).to.equal(1);
    }
    await api.stop();
  });
});
