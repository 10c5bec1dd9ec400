/** Challenge and registration (protocol 4.3, 4.4). */
import type { z } from 'zod';

import { challengeAnswerSchema, registerAnswerSchema, type ProofClaims, type RegisterAnswer } from '../protocol/api.js';
import type { DoorIdentity } from './identity.js';
import type { DoorSettings } from './settings.js';
import type { HttpAnswer, RelayTransport } from './transport.js';

/** The relay answered, but not with what was asked for. `status` 0: there was no answer at all. */
export interface Refusal {
  readonly status: number;
  /** Problem code of protocol 9, when there was one. */
  readonly code: string | undefined;
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
}

export type Registered =
  { readonly ok: true; readonly answer: RegisterAnswer } | { readonly ok: false; readonly refusal: Refusal };

export interface RegistrationRequest {
  readonly settings: DoorSettings;
  readonly identity: DoorIdentity;
  /** The key that agrees to be replaced by `identity`. */
  readonly rotateFrom: DoorIdentity | undefined;
  readonly firmware: ProofClaims['firmware'];
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** Registers once. Never throws for what a network or a relay can do. */
export async function register(transport: RelayTransport, request: RegistrationRequest): Promise<Registered> {
  const { settings, identity, rotateFrom, firmware } = request;
  const origin = new URL(settings.serverAddress).origin;
  const door = settings.doorId;
  const challenge = await ask(transport, request, '/v1/devices/challenge', { doorId: door }, challengeAnswerSchema);
  if (!challenge.ok) return challenge;
  const { nonce } = challenge.answer;
  return ask(
    transport,
    request,
    '/v1/devices/register',
    {
      doorId: door,
      publicKey: identity.publicPem,
      proof: identity.proof({ door, nonce, aud: origin, firmware }),
      ...(settings.enrolmentToken !== undefined && { enrolmentToken: settings.enrolmentToken }),
      ...(rotateFrom !== undefined && { rotation: rotateFrom.rotation({ door, nonce, newKid: identity.kid }) }),
    },
    registerAnswerSchema,
  );
}

type Asked<T> = { readonly ok: true; readonly answer: T } | { readonly ok: false; readonly refusal: Refusal };

async function ask<T>(
  transport: RelayTransport,
  request: RegistrationRequest,
  path: string,
  body: object,
  schema: z.ZodType<T>,
): Promise<Asked<T>> {
  const { serverAddress, caCertificate } = request.settings;
  let answer: HttpAnswer;
  try {
    answer = await transport.post(serverAddress, path, body, caCertificate, request.signal);
  } catch (error) {
    return { ok: false, refusal: { status: 0, code: undefined, detail: messageOf(error), retryAfterMs: undefined } };
  }
  if (answer.status !== 200) return { ok: false, refusal: refusalOf(answer) };
  const parsed = schema.safeParse(answer.body);
  if (parsed.success) return { ok: true, answer: parsed.data };
  return {
    ok: false,
    refusal: {
      status: answer.status,
      code: undefined,
      detail: `${path} answered something else`,
      retryAfterMs: undefined,
    },
  };
}

/** Reads a problem document (protocol 2.2), as far as it is one. */
export function refusalOf(answer: HttpAnswer): Refusal {
  const body = typeof answer.body === 'object' && answer.body !== null ? answer.body : {};
  const code = 'code' in body && typeof body.code === 'string' ? body.code : undefined;
  const detail = 'detail' in body && typeof body.detail === 'string' ? body.detail : `HTTP ${answer.status}`;
  const retryAfterMs =
    'retryAfterMs' in body && typeof body.retryAfterMs === 'number' ? body.retryAfterMs : answer.retryAfterMs;
  return { status: answer.status, code, detail, retryAfterMs };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
