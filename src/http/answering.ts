/** Writing answers: the headers every response carries, JSON, and problem+json (protocol 2.2). */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';

import type { Clock } from '../clock.js';
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
  const { response, visit } = exchange;
  const { allow, retryAfterMs } = error.extras;
  if (error.status === 401) response.setHeader('WWW-Authenticate', challengeFor(exchange, error));
  if (allow !== undefined) response.setHeader('Allow', allow.join(', '));
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', String(seconds(retryAfterMs)));
  if (error.code === 'upgrade_required') {
    response.setHeader('Upgrade', 'websocket');
    response.setHeader('Connection', 'Upgrade');
  }
  send(
    exchange,
    error.status,
    'application/problem+json',
    JSON.stringify(toProblemBody(error, visit.context.requestId)),
  );
}

/** A whole answer, where there is no response to write it with: before an upgrade, and to what is no request. The connection ends with it. */
export function rawProblem(error: OpenLockError, requestId: string): string {
  const body = JSON.stringify(toProblemBody(error, requestId));
  const { retryAfterMs, allow } = error.extras;
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Vary: Origin',
    'Connection: close',
    ...(error.status === 401 ? ['WWW-Authenticate: Bearer realm="openlock"'] : []),
    ...(error.code === 'upgrade_required' ? ['Upgrade: websocket'] : []),
    ...(allow === undefined ? [] : [`Allow: ${allow.join(', ')}`]),
    ...(retryAfterMs === undefined ? [] : [`Retry-After: ${seconds(retryAfterMs)}`]),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** For `Retry-After`: rounded up, so that who waits as told is not a moment early. */
function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

/** RFC 6750 section 3: no error code for a request that sent no token. */
function challengeFor(exchange: Exchange, error: OpenLockError): string {
  if (exchange.route.audience !== 'site' || !exchange.visit.tried) return 'Bearer realm="openlock"';
  const reason = error.code === 'token_expired' ? 'expired' : error.code === 'token_revoked' ? 'revoked' : 'not valid';
  return `Bearer realm="openlock", error="invalid_token", error_description="The access token is ${reason}"`;
}

function send({ request, response, clock }: Exchange, status: number, type: string, text: string | undefined): void {
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
  discardRest(request, clock);
}

/**
 * Reads on for a moment what the client is still sending: closing at once would reset the connection and lose the answer
 * before it was read. Who sends without end is cut off.
 */
function discardRest(request: IncomingMessage, clock: Clock): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0';
  if (!hasBody || request.complete || request.destroyed) return;
  let discarded = 0;
  const cut = (): void => {
    request.destroy();
  };
  const settle = clock.after(DISCARD_MS, cut);
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > DISCARD_BYTES) cut();
  });
  // Without a listener an aborted upload would be an unhandled error.
  request.on('error', () => undefined);
  request.once('end', settle);
  request.once('close', settle);
  request.resume();
}
