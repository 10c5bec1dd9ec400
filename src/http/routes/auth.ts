/** Websites prove who they are and get tokens (protocol 3.1 to 3.4). */
import {
  loginAnswerSchema,
  loginRequestSchema,
  refreshRequestSchema,
  tokenAnswerSchema,
  tokenRequestSchema,
} from '../../protocol/api.js';
import { z } from 'zod';

import { openRoute, siteRoute, type Route } from '../route.js';
import type { OperatorApi, SiteApi } from '../services.js';

export function authRoutes(sites: SiteApi, operators: OperatorApi): readonly Route[] {
  const login = openRoute({
    method: 'POST',
    path: '/v1/auth/login',
    id: 'login',
    audience: 'auth',
    crossOrigin: 'website',
    summary: 'Ask for a one-time code by e-mail',
    description: 'The answer is the same whether or not the account exists, and whether or not a mail was sent.',
    body: { name: 'LoginRequest', schema: loginRequestSchema },
    answers: {
      202: { description: 'The code is on its way, if it may be.', name: 'LoginAnswer', schema: loginAnswerSchema },
    },
    handle: async ({ body, context }) => ({ status: 202, body: await sites.login(body, context) }),
  });
  const token = openRoute({
    method: 'POST',
    path: '/v1/auth/token',
    id: 'token',
    audience: 'auth',
    crossOrigin: 'login',
    summary: 'Exchange the code for tokens',
    description:
      'Unless this e-mail proved this origin within 90 days, the relay first fetches the challenge from the website.',
    body: { name: 'TokenRequest', schema: tokenRequestSchema },
    answers: { 200: { description: 'Tokens.', name: 'TokenAnswer', schema: tokenAnswerSchema } },
    problems: ['unauthenticated', 'website_unverified', 'site_blocked'],
    handle: async ({ body, context }) => ({ status: 200, body: await sites.token(body, context) }),
  });
  const refresh = openRoute({
    method: 'POST',
    path: '/v1/auth/refresh',
    id: 'refresh',
    audience: 'auth',
    summary: 'Rotate both tokens',
    description: 'Within 10 s the previous token returns the same successor; later it ends the whole session.',
    body: { name: 'RefreshRequest', schema: refreshRequestSchema },
    answers: { 200: { description: 'New tokens.', name: 'TokenAnswer', schema: tokenAnswerSchema } },
    problems: ['unauthenticated', 'token_expired', 'token_revoked', 'site_blocked'],
    handle: async ({ body, context }) => ({ status: 200, body: await sites.refresh(body.refreshToken, context) }),
  });
  const revoke = siteRoute({
    method: 'POST',
    path: '/v1/auth/revoke',
    id: 'revoke',
    summary: 'End the session',
    description: 'Its tokens are refused and its client sockets closed at once, on every relay.',
    // A site that is over its rate, or shares an address with an attacker, must still be able to end its session.
    cost: 0,
    block: 'on_failure',
    body: { name: 'RevokeRequest', schema: z.strictObject({}), optional: true },
    answers: { 204: { description: 'The session has ended.' } },
    handle: async ({ caller, context }) => {
      if (caller.kind === 'operator') await operators.revoke(caller, context);
      else await sites.revoke(caller, context);
      return { status: 204 };
    },
  });
  return [login, token, refresh, revoke];
}
