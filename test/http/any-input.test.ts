import { expect } from 'chai';
import fc from 'fast-check';

import { isProblemCode, PROBLEMS, type ProblemCode } from '../../src/protocol/problem.js';
import { problemCodesOf } from '../../src/http/openapi-problems.js';
import type { Route } from '../../src/http/route.js';
import { startTestApi, type Reply, type TestApi } from './support/api.js';
import { GOOD_BODIES, pathOf } from './support/bodies.js';
import { DOOR, ORIGIN } from './support/fakes.js';
import { sendRaw } from './support/raw.js';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 60);

/** Bytes a header value may have on the wire. */
const headerText = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  maxLength: 80,
});
const rarely = <T, U>(value: fc.Arbitrary<T>, usual: U) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: value });

const token = rarely(
  fc.oneof(
    fc.constant('Bearer expired'),
    fc.constant(undefined),
    headerText,
    headerText.map((text) => `Bearer ${text}`),
  ),
  'Bearer good',
);
const origin = rarely(fc.oneof(fc.constant(ORIGIN), fc.constant('null'), fc.webUrl(), headerText), undefined);
const mediaType = rarely(headerText, 'application/json');

function bodyFor(route: Route): fc.Arbitrary<string | Uint8Array | undefined> {
  const good = GOOD_BODIES[route.id] ?? {};
  const anyJson = fc.jsonValue({ maxDepth: 10 });
  const mutated = fc
    .tuple(fc.constantFrom(...Object.keys(good), '__proto__', 'constructor', 'x'), anyJson)
    .map(
      ([name, value]) =>
        `${JSON.stringify(good).slice(0, -1)}${Object.keys(good).length > 0 ? ',' : ''}${JSON.stringify(name)}:${JSON.stringify(value)}}`,
    );
  const replaced = fc
    .tuple(fc.constantFrom(...Object.keys(good), 'x'), anyJson)
    .map(([name, value]) => JSON.stringify({ ...good, [name]: value }));
  return fc.oneof(
    fc.constant(undefined),
    fc.constant(JSON.stringify(good)),
    mutated,
    replaced,
    anyJson.map((value) => JSON.stringify(value)),
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ minLength: 16_300, maxLength: 17_500, size: 'max' }),
    fc.integer({ min: 1, max: 16_000 }).map((depth) => `{"x":`.repeat(depth).slice(0, 16_384)),
  );
}

/** What any path may answer with beside what its routes document: the fallbacks. */
const UNROUTED: readonly ProblemCode[] = ['not_found', 'method_not_allowed', 'invalid_request'];

function expectDocumented(route: Route, reply: Reply): void {
  expect(reply.headers['x-request-id']).to.be.a('string');
  if (route.answers[reply.status] !== undefined) return;
  const code = reply.json['code'];
  expect(problemCodesOf(route), `${route.id}: ${reply.status} ${reply.text}`).to.include(code);
  expect(code).to.not.equal('internal');
  expect(isProblemCode(code) && PROBLEMS[code].status).to.equal(reply.status);
  expect(reply.headers['content-type']).to.equal('application/problem+json');
}

describe('any input on any route gets a documented code', function () {
  this.timeout(120_000);
  let api: TestApi;
  before(async () => {
    // Some bytes are the beginning of a request that never ends: those are waited for, but not for long.
    api = await startTestApi({ bodyTimeoutMs: 300, timeouts: { headersMs: 300, requestMs: 600, checkMs: 50 } });
  });
  after(() => api.stop());
  afterEach(() => {
    expect(api.log.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    api.log.lines.length = 0;
  });

  it('whatever the body, its type, the token and the origin', async () => {
    for (const route of api.api.routes) {
      await fc.assert(
        fc.asyncProperty(bodyFor(route), mediaType, token, origin, async (body, type, authorization, from) => {
          const headers = {
            ...(body !== undefined && { 'content-type': type }),
            ...(authorization !== undefined && { authorization }),
            ...(from !== undefined && { origin: from }),
          };
          // GET with a body is legal and pointless; it is ignored.
          expectDocumented(
            route,
            await api.call(pathOf(route), { method: route.method, headers, ...(body !== undefined && { body }) }),
          );
        }),
        { numRuns: RUNS },
      );
    }
  });

  it('whatever stands in the place of a door or a command', async () => {
    const anyPart = fc
      .oneof(fc.webPath(), fc.webQueryParameters(), headerText)
      .map((text) => text.replace(/[ #]/g, '%20'));
    const pathed = api.api.routes.filter(({ path }) => path.includes(':'));
    for (const route of pathed) {
      await fc.assert(
        fc.asyncProperty(anyPart, anyPart, async (door, command) => {
          const path = route.path.replace(':doorId', () => door).replace(':commandId', () => command);
          const body = GOOD_BODIES[route.id];
          const reply = await sendRaw(
            api.port,
            Buffer.from(
              `${route.method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: ${body === undefined ? 0 : JSON.stringify(body).length}\r\n\r\n${body === undefined ? '' : JSON.stringify(body)}`,
              'latin1',
            ),
          );
          if (reply.status === 200 || reply.status === 204) return;
          // A `/` or `?` in it leads elsewhere.
          const codes: readonly string[] = [...api.api.routes.flatMap(problemCodesOf), ...UNROUTED].filter(
            (code) => code !== 'internal',
          );
          expect(codes, reply.text).to.include(reply.code);
          expect(reply.text).to.match(/\r\nX-Request-Id: /);
        }),
        { numRuns: RUNS },
      );
    }
  });

  it('whatever the method, path and headers', async () => {
    const mostly = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: odd });
    const name = mostly(fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/), headerText);
    const line = fc.tuple(name, headerText).map(([key, value]) => `${key}: ${value}`);
    const known = fc
      .tuple(
        fc.constantFrom(
          'Host',
          'Origin',
          'Authorization',
          'Content-Type',
          'Content-Length',
          'Transfer-Encoding',
          'Expect',
          'Content-Encoding',
          'X-Forwarded-For',
          'Connection',
          'Upgrade',
        ),
        headerText,
      )
      .map(([key, value]) => `${key}: ${value}`);
    const target = mostly(
      fc.oneof(
        fc.webPath(),
        fc.webUrl(),
        fc.constantFrom('*', '/', '//', '/v1/doors', `/v1/doors/${DOOR}/commands`, '/v1/auth/login'),
      ),
      headerText,
    );
    const method = mostly(
      fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'PROPFIND', 'M-SEARCH'),
      headerText,
    );
    await fc.assert(
      fc.asyncProperty(
        method,
        target,
        fc.array(fc.oneof(line, known), { maxLength: 6 }),
        mostly(fc.constant(''), fc.string({ maxLength: 50 })),
        async (verb, path, lines, rest) => {
          const head = [`${verb} ${path} HTTP/1.1`, 'Host: x', ...lines].join('\r\n');
          const reply = await sendRaw(api.port, Buffer.from(`${head}\r\n\r\n${rest}`, 'latin1'), {
            isHead: verb === 'HEAD',
          });
          expect(reply.status, reply.text).to.be.greaterThan(0).and.lessThan(500);
          expect(reply.text).to.match(/\r\nX-Request-Id: /);
          if (reply.status >= 400 && verb !== 'HEAD') expect(isProblemCode(reply.code), reply.text).to.equal(true);
        },
      ),
      { numRuns: RUNS * 5 },
    );
  });

  it('whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        const reply = await sendRaw(api.port, Buffer.concat([bytes, Buffer.from('\r\n\r\n')]));
        expect([reply.status, reply.code]).to.deep.equal([400, 'invalid_request']);
      }),
      { numRuns: RUNS * 2 },
    );
  });
});
