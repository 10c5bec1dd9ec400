/** What the relay says of itself (protocol 2.4), and the two paths that only speak WebSocket (4.6, 7.7). */
import { z } from 'zod';

import { CLIENT_SOCKET_PATH } from '../../protocol/client-frames.js';
import { DOOR_SOCKET_PATH } from '../../protocol/door-frames.js';
import { OpenLockError } from '../../protocol/problem.js';
import { openRoute, type Answer, type Route } from '../route.js';
import type { Readiness, SiteApi } from '../services.js';

const healthSchema = z.object({ status: z.literal('ok') });
const readySchema = z.object({ status: z.literal('ready') });
const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) });
const documentSchema = z.looseObject({ openapi: z.string() });

/** Documents that change with a release or a key rotation only. */
const CACHEABLE = { 'Cache-Control': 'public, max-age=300' } as const;

export interface ServiceRouteDependencies {
  readonly sites: Pick<SiteApi, 'jwks'>;
  readonly readiness: Readiness;
  /** The OpenAPI document of all routes. */
  readonly document: () => object;
}

export function serviceRoutes(dependencies: ServiceRouteDependencies): readonly Route[] {
  const health = openRoute({
    method: 'GET',
    path: '/healthz',
    id: 'health',
    audience: 'public',
    summary: 'The process is up',
    answers: { 200: { description: 'It is.', name: 'Health', schema: healthSchema } },
    handle: () => ({ status: 200, body: { status: 'ok' } }),
  });
  const ready = openRoute({
    method: 'GET',
    path: '/readyz',
    id: 'ready',
    audience: 'public',
    summary: 'The store is reachable and requests are accepted',
    answers: { 200: { description: 'They are.', name: 'Ready', schema: readySchema } },
    problems: ['store_unavailable'],
    handle: async () => {
      if (await isReady(dependencies.readiness)) return { status: 200, body: { status: 'ready' } };
      throw new OpenLockError('store_unavailable', 'This relay is not ready.', { retryAfterMs: 1000 });
    },
  });
  const jwks = openRoute({
    method: 'GET',
    path: '/.well-known/jwks.json',
    id: 'jwks',
    audience: 'public',
    summary: 'Public keys of the access tokens',
    answers: { 200: { description: 'A JWK set.', name: 'JwkSet', schema: jwksSchema } },
    handle: () => ({ status: 200, body: dependencies.sites.jwks(), headers: CACHEABLE }),
  });
  const document = openRoute({
    method: 'GET',
    path: '/openapi.json',
    id: 'openapi',
    audience: 'public',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', name: 'OpenApiDocument', schema: documentSchema } },
    handle: () => ({ status: 200, body: dependencies.document(), headers: CACHEABLE }),
  });
  return [health, ready, jwks, document];
}

async function isReady(readiness: Readiness): Promise<boolean> {
  try {
    return await readiness();
  } catch {
    return false;
  }
}

/** Asked without an upgrade; with one, `channels` answers before any route is looked for. */
export function upgradeRoutes(): readonly Route[] {
  const needsUpgrade = (): Answer => {
    throw new OpenLockError('upgrade_required', 'This path speaks WebSocket only.');
  };
  const doorSocket = openRoute({
    method: 'GET',
    path: DOOR_SOCKET_PATH,
    id: 'doorSocket',
    audience: 'device',
    summary: 'WebSocket of a door',
    description:
      'Upgrade with `Authorization: Bearer <sessionToken>`, `X-OpenLock-Door: <doorId>` and the subprotocol `openlock.door.v1`. Text frames to 8 KiB, one JSON object each: `hello` first, then `result`, `status`, `event`, `keepalive`. Frames and close codes: docs/protocol.md.',
    answers: { 101: { description: 'The upgrade was accepted.' } },
    problems: [
      'unauthenticated',
      'token_expired',
      'ip_blocked',
      'door_disabled',
      'key_banned',
      'upgrade_required',
      'store_unavailable',
    ],
    handle: needsUpgrade,
  });
  const clientSocket = openRoute({
    method: 'GET',
    path: CLIENT_SOCKET_PATH,
    id: 'clientSocket',
    audience: 'public',
    summary: 'WebSocket of a website',
    description:
      'Upgrade with the subprotocol `openlock.client.v1` and the access token, by `Authorization` or, from a browser, as a second subprotocol `openlock.bearer.<accessToken>`. One JSON object a frame: `command`, `status`, `subscribe`, `unsubscribe`, `token`. Frames and close codes: docs/protocol.md.',
    answers: { 101: { description: 'The upgrade was accepted.' } },
    problems: [
      'unauthenticated',
      'token_expired',
      'token_revoked',
      'forbidden_origin',
      'ip_blocked',
      'site_blocked',
      'upgrade_required',
      'store_unavailable',
    ],
    handle: needsUpgrade,
  });
  return [doorSocket, clientSocket];
}
