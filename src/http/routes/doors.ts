/** Doors and commands as a website sees them (protocol 7.1 to 7.5, 19.4). */
import {
  commandAnswerSchema,
  commandRecordSchema,
  commandRequestSchema,
  doorChallengeAnswerSchema,
  doorKeySchema,
  doorListSchema,
  doorStatusAnswerSchema,
  doorSummarySchema,
} from '../../protocol/api.js';
import { DOOR_ID } from '../../protocol/ids.js';
import { OpenLockError } from '../../protocol/problem.js';
import { siteRoute, type Call, type Route } from '../route.js';
import type { CommandApi, DoorApi } from '../services.js';

export function doorRoutes(doors: DoorApi): readonly Route[] {
  const list = siteRoute({
    method: 'GET',
    path: '/v1/doors',
    id: 'listDoors',
    summary: 'The doors this site has a grant for',
    answers: { 200: { description: 'Doors.', name: 'DoorList', schema: doorListSchema } },
    handle: async ({ caller }) => ({ status: 200, body: { doors: await doors.list(caller) } }),
  });
  const get = siteRoute({
    method: 'GET',
    path: '/v1/doors/:doorId',
    id: 'getDoor',
    summary: 'One door',
    answers: { 200: { description: 'The door.', name: 'DoorSummary', schema: doorSummarySchema } },
    problems: ['door_not_found'],
    handle: async (call) => ({ status: 200, body: await doors.get(call.caller, doorIdOf(call)) }),
  });
  const key = siteRoute({
    method: 'GET',
    path: '/v1/doors/:doorId/key',
    id: 'getDoorKey',
    summary: "The door's public key, to encrypt commands for",
    answers: {
      200: {
        description: 'The key. Compare its `kid` with the one known out of band.',
        name: 'DoorKey',
        schema: doorKeySchema,
      },
    },
    problems: ['door_not_found', 'key_not_found', 'key_banned'],
    handle: async (call) => ({ status: 200, body: await doors.key(call.caller, doorIdOf(call)) }),
  });
  return [list, get, key];
}

export function commandRoutes(commands: CommandApi): readonly Route[] {
  const submit = siteRoute({
    method: 'POST',
    path: '/v1/doors/:doorId/commands',
    id: 'submitCommand',
    hot: true,
    givesWay: true,
    summary: 'Send an encrypted command and wait for the answer of the door',
    description:
      'The envelope is a compact JWE only the door can read. Sending the same one again is `replayed` and tells its state. The body of `door_refused` carries the `status` the door gave, 400.',
    body: { name: 'CommandRequest', schema: commandRequestSchema },
    answers: {
      200: {
        description: 'The door did it. The receipt, readable by the sender alone, proves it.',
        name: 'CommandAnswer',
        schema: commandAnswerSchema,
      },
    },
    problems: [
      'invalid_envelope',
      'door_not_found',
      'action_not_allowed',
      'key_not_found',
      'key_banned',
      'door_disabled',
      'replayed',
      'wrong_key',
      'stale_timestamp',
      'door_refused',
      'door_offline',
      'door_timeout',
    ],
    handle: async (call) => ({
      status: 200,
      body: await commands.submit(call.caller, doorIdOf(call), call.body.jwe, call.context),
    }),
  });
  const record = siteRoute({
    method: 'GET',
    path: '/v1/doors/:doorId/commands/:commandId',
    id: 'getCommand',
    summary: 'What became of a command, for the site that sent it',
    answers: { 200: { description: 'The state of the command.', name: 'CommandRecord', schema: commandRecordSchema } },
    problems: ['door_not_found', 'command_not_found'],
    handle: async (call) => ({
      status: 200,
      body: await commands.record(call.caller, doorIdOf(call), call.params['commandId'] ?? ''),
    }),
  });
  const status = siteRoute({
    method: 'GET',
    path: '/v1/doors/:doorId/status',
    id: 'getDoorStatus',
    summary: 'Ask the door how it is; the last known state when it does not say',
    answers: {
      200: {
        description: 'Its state, advisory: `live` says whether the door itself just answered.',
        name: 'DoorStatus',
        schema: doorStatusAnswerSchema,
      },
    },
    problems: ['door_not_found'],
    handle: async (call) => ({ status: 200, body: await commands.status(call.caller, doorIdOf(call), call.context) }),
  });
  const challenge = siteRoute({
    method: 'GET',
    path: '/v1/doors/:doorId/challenge',
    id: 'getDoorChallenge',
    summary: 'Ask the door for a challenge that stands in for the time of the next command',
    description:
      'Thirty-two random bytes made by the door, good for one command; the plaintext of an envelope names them, and `iat` is then not asked by the door. Needed while the clock of the door is `unsure`.',
    answers: {
      200: { description: 'The challenge.', name: 'DoorChallenge', schema: doorChallengeAnswerSchema },
    },
    problems: ['door_not_found', 'door_offline', 'door_timeout'],
    handle: async (call) => ({ status: 200, body: await commands.challenge(call.caller, doorIdOf(call)) }),
  });
  return [submit, record, status, challenge];
}

/** A name that cannot be a door's is answered like a door that does not exist (protocol 7.6). */
function doorIdOf(call: Call): string {
  const doorId = call.params['doorId'] ?? '';
  if (!DOOR_ID.test(doorId)) throw new OpenLockError('door_not_found', 'No such door.');
  return doorId;
}
