import { compileErrors, validate } from '@readme/openapi-parser';
import { expect } from 'chai';

import { PROBLEMS } from '../../src/protocol/problem.js';
import { problemCodesOf } from '../../src/http/openapi-problems.js';
import { startTestApi, type TestApi } from './support/api.js';
import { GOOD_BODIES, pathOf } from './support/bodies.js';

interface Operation {
  readonly security: readonly Record<string, unknown>[];
  readonly parameters?: readonly { name: string }[];
  readonly requestBody?: { required: boolean };
  readonly responses: Record<
    string,
    { content?: Record<string, { schema: { allOf?: [unknown, { properties: { code: { enum: string[] } } }] } }> }
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, Record<string, unknown>> };
}

describe('the OpenAPI document (protocol 2.4)', () => {
  let api: TestApi;
  let document: Document;
  before(async () => {
    api = await startTestApi();
    document = (await api.call('/openapi.json')).json as unknown as Document;
  });
  after(() => api.stop());

  it('is valid OpenAPI 3.1', async () => {
    const result = await validate(structuredClone(document) as never);
    expect(result.valid, result.valid ? '' : compileErrors(result)).to.equal(true);
    expect(document.openapi).to.equal('3.1.0');
  });

  it('describes every route of the protocol, and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described).to.have.members([
      'GET /healthz',
      'GET /readyz',
      'GET /openapi.json',
      'GET /.well-known/jwks.json',
      'POST /v1/auth/login',
      'POST /v1/auth/token',
      'POST /v1/auth/refresh',
      'POST /v1/auth/revoke',
      'POST /v1/devices/challenge',
      'POST /v1/devices/register',
      'GET /v1/devices/socket',
      'GET /v1/socket',
      'GET /v1/doors',
      'GET /v1/doors/{doorId}',
      'GET /v1/doors/{doorId}/key',
      'GET /v1/doors/{doorId}/status',
      'GET /v1/doors/{doorId}/challenge',
      'POST /v1/doors/{doorId}/commands',
      'GET /v1/doors/{doorId}/commands/{commandId}',
    ]);
  });

  it('lists the codes of each operation under the status they come with', () => {
    for (const route of api.api.routes) {
      const { responses } = document.paths[route.path.replace(/:(\w+)/g, '{$1}')]?.[
        route.method.toLowerCase()
      ] as Operation;
      for (const code of problemCodesOf(route)) {
        const schema = responses[String(PROBLEMS[code].status)]?.content?.['application/problem+json']?.schema;
        expect(schema?.allOf?.[1].properties.code.enum, `${route.id} ${code}`).to.include(code);
      }
    }
  });

  it('closes the bodies of site routes and leaves those of device routes open (protocol 2.1)', () => {
    for (const name of ['LoginRequest', 'TokenRequest', 'RefreshRequest', 'CommandRequest']) {
      expect(document.components.schemas[name]?.['additionalProperties'], name).to.equal(false);
    }
    for (const name of ['ChallengeRequest', 'RegisterRequest', 'CommandAnswer', 'Problem']) {
      expect(document.components.schemas[name], name).to.not.have.property('additionalProperties');
    }
  });

  it('asks for the access token exactly on (site) routes and the client socket', () => {
    for (const route of api.api.routes) {
      const operation = document.paths[route.path.replace(/:(\w+)/g, '{$1}')]?.[
        route.method.toLowerCase()
      ] as Operation;
      const wantsToken = route.audience === 'site' || route.id === 'clientSocket';
      expect(JSON.stringify(operation.security).includes('accessToken'), route.id).to.equal(wantsToken);
    }
  });

  it('describes what the routes really answer', async () => {
    for (const route of api.api.routes) {
      const body = GOOD_BODIES[route.id];
      const reply = await api.call(pathOf(route), {
        method: route.method,
        token: 'good',
        ...(body !== undefined && { body }),
      });
      if (reply.status === 426) continue;
      const answer = route.answers[reply.status];
      expect(answer, `${route.id}: ${reply.text}`).to.not.equal(undefined);
      if (answer?.schema !== undefined)
        expect(answer.schema.safeParse(reply.json).success, `${route.id}: ${reply.text}`).to.equal(true);
    }
  });

  it('may be cached, as may the keys of the tokens', async () => {
    for (const path of ['/openapi.json', '/.well-known/jwks.json']) {
      expect((await api.call(path)).headers['cache-control']).to.equal('public, max-age=300');
    }
  });
});
