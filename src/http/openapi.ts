/** The OpenAPI 3.1 document, made of the very routes that are served and the very schemas that validate. */
import { z } from 'zod';

import { COMMAND_STATES } from '../protocol/client-frames.js';
import { commandIdSchema, doorIdSchema } from '../protocol/ids.js';
import { PROBLEMS, type ProblemCode } from '../protocol/problem.js';
import { problemCodesByStatus } from './openapi-problems.js';
import type { AnswerSpec, Route } from './route.js';

type Json = Readonly<Record<string, unknown>>;

const API_VERSION = '1.0.0';
const PARAMETERS: Readonly<Record<string, z.ZodType>> = { doorId: doorIdSchema, commandId: commandIdSchema };
const AUDIENCE_TAGS: Readonly<Record<Route['audience'], string>> = {
  public: 'Service',
  auth: 'Sites: tokens',
  site: 'Sites: doors',
  device: 'Doors',
};

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int().describe('The HTTP status; for `door_refused` the status the door gave, 400.'),
  code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
  detail: z.string().describe('For people; programs branch on `code`.'),
  requestId: z.string(),
  retryAfterMs: z.int().optional(),
  commandId: commandIdSchema.optional(),
  state: z.enum(COMMAND_STATES).optional(),
  receipt: z.string().optional(),
});

/** `origins`: where the API is served. */
export function openApiDocument(routes: readonly Route[], origins: readonly string[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'OpenLock',
      version: API_VERSION,
      summary: 'A smart-lock relay nobody has to trust.',
      description:
        'Errors are problem+json (RFC 9457) with one of the listed codes. Every response carries `X-Request-Id`. Two paths speak WebSocket only: `/v1/devices/socket` for doors and `/v1/socket` for websites.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    ...(origins.length > 0 && { servers: origins.map((url) => ({ url })) }),
    tags: Object.values(AUDIENCE_TAGS).map((name) => ({ name })),
    paths,
    components: {
      schemas: namedSchemas(routes),
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: "A website's access token, from /v1/auth/token.",
        },
        doorSession: {
          type: 'http',
          scheme: 'bearer',
          description: 'The session token of a door, from /v1/devices/register.',
        },
      },
    },
  };
}

function operationOf(route: Route): Json {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '');
  return {
    operationId: route.id,
    tags: [AUDIENCE_TAGS[route.audience]],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    security: securityOf(route),
    ...(names.length > 0 && {
      parameters: names.map((name) => ({
        name,
        in: 'path',
        required: true,
        schema: jsonSchema(PARAMETERS[name] ?? z.string()),
      })),
    }),
    ...(route.body !== undefined && {
      requestBody: {
        required: route.body.optional !== true,
        content: { 'application/json': { schema: reference(route.body.name) } },
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, responseOf(answer)])),
      ...Object.fromEntries(
        [...problemCodesByStatus(route)].map(([status, codes]) => [String(status), problemResponse(codes)]),
      ),
    },
  };
}

function securityOf(route: Route): readonly Json[] {
  if (route.audience === 'site' || route.id === 'clientSocket') return [{ accessToken: [] }];
  return route.id === 'doorSocket' ? [{ doorSession: [] }] : [];
}

const REQUEST_ID = {
  'X-Request-Id': { description: 'The id this answer has in our log.', schema: { type: 'string' } },
} as const;
const RETRY_AFTER = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } } as const;

function responseOf(answer: AnswerSpec): Json {
  return {
    description: answer.description,
    headers: REQUEST_ID,
    ...(answer.name !== undefined && { content: { 'application/json': { schema: reference(answer.name) } } }),
  };
}

function problemResponse(codes: readonly ProblemCode[]): Json {
  const mayRetry = codes.some((code) => PROBLEMS[code].next === 'retry');
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    headers: { ...REQUEST_ID, ...(mayRetry && RETRY_AFTER) },
    content: {
      'application/problem+json': {
        schema: { allOf: [reference('Problem'), { type: 'object', properties: { code: { enum: codes } } }] },
      },
    },
  };
}

function namedSchemas(routes: readonly Route[]): Json {
  const schemas: Record<string, Json> = { Problem: jsonSchema(problemSchema) };
  const named = routes.flatMap((route) => [
    ...(route.body === undefined ? [] : [route.body]),
    ...Object.values(route.answers),
  ]);
  for (const { name, schema } of named) {
    if (name !== undefined && schema !== undefined) schemas[name] = jsonSchema(schema);
  }
  return schemas;
}

/** `io: 'input'`: answers may gain members in later versions, so they are not described as closed. */
function jsonSchema(schema: z.ZodType): Json {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  // OpenAPI 3.1 says the dialect once for the whole document.
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== '$schema'));
}

const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
