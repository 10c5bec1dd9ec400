/** Doors prove who they are (protocol 4.3, 4.4). */
import {
  challengeAnswerSchema,
  challengeRequestSchema,
  registerAnswerSchema,
  registerRequestSchema,
} from '../../protocol/api.js';
import { openRoute, type Route } from '../route.js';
import type { DoorApi } from '../services.js';

export function deviceRoutes(doors: DoorApi): readonly Route[] {
  const challenge = openRoute({
    method: 'POST',
    path: '/v1/devices/challenge',
    id: 'challenge',
    audience: 'device',
    // Never blocked: without a nonce a good proof could not pass a blocked address (protocol 8.2), and nothing is guessed here.
    block: 'none',
    summary: 'Get a nonce to sign',
    description: 'Unknown doors are answered alike.',
    body: { name: 'ChallengeRequest', schema: challengeRequestSchema },
    answers: {
      200: {
        description: 'A nonce, good once within its time.',
        name: 'ChallengeAnswer',
        schema: challengeAnswerSchema,
      },
    },
    handle: async ({ body }) => ({ status: 200, body: await doors.challenge(body.doorId) }),
  });
  const register = openRoute({
    method: 'POST',
    path: '/v1/devices/register',
    id: 'register',
    audience: 'device',
    block: 'on_failure',
    summary: 'Prove the key, get a session for the socket',
    description: 'The first registration needs the enrolment token and binds the key; later a good proof is enough.',
    body: { name: 'RegisterRequest', schema: registerRequestSchema },
    answers: {
      200: {
        description: 'A session token for `/v1/devices/socket`.',
        name: 'RegisterAnswer',
        schema: registerAnswerSchema,
      },
    },
    problems: ['unauthenticated', 'wrong_key', 'key_banned', 'door_disabled', 'store_unavailable'],
    handle: async ({ body, context }) => ({ status: 200, body: await doors.register(body, context) }),
  });
  return [challenge, register];
}
