/** Writing answers: the headers every response carries, JSON, and problem+json (protocol 2.2). */
import { STATUS_CODES, type IncomingMessage } from 'node:http';

import type { Clock } from '../clock.js';
import { toProblemBody, type OpenLockError } from '../protocol/problem.js';
import type { Exchange } from './exchange.js';
import type { Answer } from './route.js';

const DISCARD_BYTES = 256 * 1024;
const DISCARD_MS = 1_000;

/** Names and values by turns, as `writeHead` takes them: what does not depend on request or outcome. */
export function commonHeaders(strictTransport: boolean): readonly string[] {
  return [
    ...['Vary', 'Origin', 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff'],
    ...['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
    ...(strictTransport ? ['Strict-Transport-Security', 'max-age=31536000'] : []),
  ];
}

export function sendAnswer(exchange: Exchange, { status, body, headers }: Answer): void {
  const own = headers === undefined ? [] : Object.entries(headers).flat();
  send(exchange, status, own, 'application/json', body === undefined ? undefined : JSON.stringify(body));
}

export function sendProblem(exchange: Exchange, error: OpenLockError): void {
  const { allow, retryAfterMs } = error.extras;
  const own: string[] = [];
  if (error.status === 401) own.push('WWW-Authenticate', challengeFor(exchange, error));
  if (allow !== undefined) own.push('Allow', allow.join(', '));
  if (retryAfterMs !== undefined) own.push('Retry-After', String(seconds(retryAfterMs)));
  if (error.code === 'upgrade_required') own.push('Upgrade', 'websocket', 'Connection', 'Upgrade');
  const text = JSON.stringify(toProblemBody(error, exchange.visit.context.requestId));
  send(exchange, error.status, own, 'application/problem+json', text);
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

/** Head and body in one write: all headers in one list, but for those of `cors`, which the response has already. */
function send(
  exchange: Exchange,
  status: number,
  own: readonly string[],
  type: string,
  text: string | undefined,
): void {
  const { request, response, headers, visit, clock } = exchange;
  if (response.headersSent || response.destroyed) return;
  const head = [
    'X-Request-Id',
    visit.context.requestId,
    ...(own.length === 0 ? headers : without(headers, own)),
    ...own,
  ];
  if (text !== undefined) head.push('Content-Type', type, 'Content-Length', String(Buffer.byteLength(text)));
  // A 204 has no length; anything else without a body says so.
  else if (status !== 204) head.push('Content-Length', '0');
  response.writeHead(status, head).end(text);
  discardRest(request, clock);
}

/** An answer may have a header of its own in the place of a common one. */
function without(headers: readonly string[], own: readonly string[]): readonly string[] {
  const isOwn = (name: string | undefined): boolean => own.some((other, at) => at % 2 === 0 && other === name);
  return headers.filter((_, at) => !isOwn(headers[at - (at % 2)]));
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
