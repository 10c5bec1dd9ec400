/** From the bytes of a request to a value the route's schema has accepted (protocol 2.1). */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import type { z } from 'zod';

import type { Clock } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';
import { ClientGone } from './exchange.js';

export interface BodyLimits {
  readonly bytes: number;
  /** From the first look at the body to its end. */
  readonly milliseconds: number;
  readonly clock: Clock;
}

/** True when the request announces a body, of whatever length. */
export function announcesBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Throws `unsupported_media_type` unless the body is declared as plain, uncompressed JSON in UTF-8. */
export function requireJson(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw new OpenLockError('unsupported_media_type', 'Send the body without a content encoding.');
  }
  if (!/^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i.test(headers['content-type'] ?? '')) {
    throw new OpenLockError('unsupported_media_type', 'Send the body as application/json in UTF-8.');
  }
}

/**
 * Reads the whole body. Throws `payload_too_large` as soon as that is certain, `invalid_request` when it takes too long,
 * {@link ClientGone} when the client does.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const tooLarge = (): OpenLockError =>
    new OpenLockError('payload_too_large', `The body may have ${limits.bytes} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > limits.bytes) throw tooLarge();
  if (request.destroyed) throw new ClientGone('closed before the body was read');
  // Nearly always it is all here: it came with the headers, or while the store was asked who the caller is.
  if (request.complete && request.readableLength <= limits.bytes)
    return (request.read() as Buffer | null) ?? Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (error: Error | undefined): void => {
      cancelTimer();
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('error', onGone);
      request.off('close', onGone);
      if (error === undefined)
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limits.bytes) settle(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(undefined);
    const onGone = (): void => settle(new ClientGone('closed before the body was whole'));
    const cancelTimer = limits.clock.after(limits.milliseconds, () =>
      settle(new OpenLockError('invalid_request', 'The body did not arrive in time.')),
    );
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', onGone);
    request.on('close', onGone);
  });
}

/** Bytes to JSON; throws `invalid_request` for broken UTF-8, bad JSON, duplicate members and deep nesting. */
export function parseBody(bytes: Buffer): unknown {
  try {
    return parseStrictJson(decodeUtf8(bytes));
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new OpenLockError('invalid_request', `The body is ${error.message}.`);
  }
}

/** Throws `invalid_request` with the place of the first fault; never with a value, which might be a secret. */
export function checkSchema<Body>(schema: z.ZodType<Body>, value: unknown): Body {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new OpenLockError('invalid_request', describe(result.error));
}

function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'The body is not valid.';
  const path = issue.path.map((part) => `/${readable(String(part))}`).join('');
  // zod's messages name types, limits and patterns, never the value; but this one would repeat the names it was sent.
  if (issue.code === 'unrecognized_keys') return `${path}/${readable(issue.keys[0] ?? '')}: unknown member`;
  return `${path === '' ? 'The body' : path}: ${issue.message}`;
}

/** Member names come from outside: printable ASCII only, and not many. */
function readable(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > 40 ? `${clean.slice(0, 40)}...` : clean;
}
