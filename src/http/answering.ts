/** Writing answers: the headers every response carries, JSON, and problem+json (protocol 2.2). */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { toProblemBody, type OpenLockError } from '../protocol/problem.js';
import type { Exchange } from './exchange.js';
import type { Answer } from './route.js';

const DISCARD_BYTES = 256 * 1024;
const DISCARD_MS = 1_000;

/** Headers that do not depend on the outcome; they are set before anything can fail. */
export function setCommonHeaders(response: ServerResponse, requestId: string, strictTransport: boolean): void {
  response.setHeader('X-Request-Id', requestId);
  response.setHeader('Vary', 'Origin');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  if (strictTransport) response.setHeader('Strict-Transport-Security', 'max-age=31536000');
}

export function sendAnswer(exchange: Exchange, answer: Answer): void {
  for (const [name, value] of Object.entries(answer.headers ?? {})) exchange.response.setHeader(name, value);
  send(
    exchange,
    answer.status,
    'application/json',
    answer.body === undefined ? undefined : JSON.stringify(answer.body),
  );
}

export function sendProblem(exchange: Exchange, error: OpenLockError): void {
  const { response, context } = exchange;
  const { allow, retryAfterMs } = error.extras;
  if (error.status === 401) response.setHeader('WWW-Authenticate', challengeFor(exchange, error));
  if (allow !== undefined) response.setHeader('Allow', allow.join(', '));
  // Rounded up, so that who waits as told is not a moment early.
  if (retryAfterMs !== undefined)
    response.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  if (error.code === 'upgrade_required') {
    response.setHeader('Upgrade', 'websocket');
    response.setHeader('Connection', 'Upgrade');
  }
  send(exchange, error.status, 'application/problem+json', JSON.stringify(toProblemBody(error, context.requestId)));
}

/** RFC 6750 section 3: no error code for a request that sent no token. */
function challengeFor(exchange: Exchange, error: OpenLockError): string {
  if (exchange.route.audience !== 'site' || !exchange.tokenPresented) return 'Bearer realm="openlock"';
  const reason = error.code === 'token_expired' ? 'expired' : error.code === 'token_revoked' ? 'revoked' : 'not valid';
  return `Bearer realm="openlock", error="invalid_token", error_description="The access token is ${reason}"`;
}

function send({ request, response }: Exchange, status: number, type: string, text: string | undefined): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  if (text === undefined) {
    // A 204 has no length; anything else without a body says so.
    if (status !== 204) response.setHeader('Content-Length', '0');
    response.end();
  } else {
    response.setHeader('Content-Type', type);
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.end(text);
  }
  discardRest(request);
}

/**
 * Reads on for a moment what the client is still sending: closing at once would reset the connection and lose the answer
 * before it was read. Who sends without end is cut off.
 */
function discardRest(request: IncomingMessage): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0';
  if (!hasBody || request.complete || request.destroyed) return;
  let discarded = 0;
  const cut = (): void => {
    request.destroy();
  };
  const timer = setTimeout(cut, DISCARD_MS);
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > DISCARD_BYTES) cut();
  });
  // Without a listener an aborted upload would be an unhandled error.
  request.on('error', () => undefined);
  const settle = (): void => clearTimeout(timer);
  request.once('end', settle);
  request.once('close', settle);
  request.resume();
}
