import { LIMITS } from '../protocol/limits.js';
import { isProblemCode, OpenLockError, type ProblemExtras } from '../protocol/problem.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';
import type { ByteStream, ClientClock, FetchAnswer, FetchInit, FetchLike } from './ambient.js';
import { bounded } from './bounded.js';
import { UnreachableError } from './errors.js';
import { isUnexplained, unreachable } from './unreachable.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly accessToken?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Most bytes of a good answer. Default 64 KiB. */
  readonly answerBytes?: number;
}

/** Every answer but lists has a few KiB at most. */
const ANSWER_BYTES = 64 * 1024;
/** How long to see whether anybody is there at all, after the browser has said only that it did not work. */
const PRESENCE_MS = 3_000;

/** Common to all requests: nothing of the browser's goes along, and nothing is followed. */
const NO_TRACES = { credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' } as const;

/** One request to the relay and its answer; knows no token and repeats nothing. */
export class HttpTransport {
  readonly #origin: string;
  readonly #fetch: FetchLike;
  readonly #clock: ClientClock;

  constructor(options: { readonly origin: string; readonly fetch: FetchLike; readonly clock: ClientClock }) {
    this.#origin = options.origin;
    this.#fetch = options.fetch;
    this.#clock = options.clock;
  }

  /**
   * The JSON of a 2xx answer (`undefined` for 204). Throws {@link OpenLockError} with the relay's code, or
   * {@link UnreachableError} when there is no usable answer in time.
   */
  async request(request: HttpRequest): Promise<unknown> {
    const { timeoutMs, signal } = request;
    const late = (): Error => new UnreachableError('timeout', `no answer from the relay within ${timeoutMs} ms`, true);
    return bounded({ clock: this.#clock, timeoutMs, signal, late }, async (inner) => {
      const answer = await this.#send(request, inner);
      const isGood = answer.status >= 200 && answer.status < 300;
      const text = await this.#read(answer, isGood ? (request.answerBytes ?? ANSWER_BYTES) : LIMITS.bodyBytes, inner);
      if (!isGood) throw problemOf(answer, text);
      return answer.status === 204 ? undefined : parseBody(text);
    });
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<FetchAnswer> {
    const headers: Record<string, string> = { accept: 'application/json, application/problem+json' };
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    if (request.accessToken !== undefined) headers['authorization'] = `Bearer ${request.accessToken}`;
    const init: FetchInit = {
      method: request.method,
      headers,
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      signal,
      redirect: 'error',
      ...NO_TRACES,
    };
    try {
      return await this.#fetch(`${this.#origin}${request.path}`, init);
    } catch (error) {
      // An abort stays what it is; everything else fetch rejects with is "no answer".
      signal.throwIfAborted();
      if (isUnexplained(error) && (await this.#isAnybodyThere(signal)))
        throw new UnreachableError(
          'origin_blocked',
          `the relay is there, but does not answer to this page's origin: sign in from the origin the site is registered with`,
          true,
          error,
        );
      throw unreachable(error);
    }
  }

  /**
   * A browser does not say why a request failed. One that asks for nothing it could read works against any server whose
   * certificate is trusted: when it does, what failed is that this origin may not read the answer (protocol 3.6).
   */
  async #isAnybodyThere(signal: AbortSignal): Promise<boolean> {
    const late = (): Error => new UnreachableError('timeout', 'nobody there', true);
    try {
      await bounded({ clock: this.#clock, timeoutMs: PRESENCE_MS, signal, late }, (inner) =>
        this.#fetch(`${this.#origin}/`, {
          method: 'GET',
          headers: {},
          signal: inner,
          mode: 'no-cors',
          redirect: 'follow',
          ...NO_TRACES,
        }),
      );
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  async #read(answer: FetchAnswer, limitBytes: number, signal: AbortSignal): Promise<string> {
    if (answer.body === null) return '';
    try {
      return decodeUtf8(await readAll(answer.body, limitBytes));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UnreachableError) throw error;
      if (error instanceof StrictJsonError) throw notJson(error);
      throw unreachable(error);
    }
  }
}

/** All of a body, or `too_large` as soon as it is more than the limit; the rest is not read then. */
async function readAll(body: ByteStream, limitBytes: number): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (value === undefined) continue;
    length += value.length;
    if (length > limitBytes) {
      // The rest may never end: not waited for.
      void reader.cancel().catch(() => undefined);
      throw new UnreachableError('too_large', `the answer is longer than ${limitBytes} bytes`, true);
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function parseBody(text: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw notJson(error);
  }
}

function notJson(cause: unknown): UnreachableError {
  return new UnreachableError('bad_answer', 'the answer is not JSON; is this an OpenLock relay?', true, cause);
}

/** Problem body -> error (protocol 2.2). What does not carry a code of ours, a proxy's page say, is "no usable answer". */
function problemOf(answer: FetchAnswer, text: string): OpenLockError {
  const requestId = answer.headers.get('x-request-id');
  let body: unknown;
  try {
    body = parseStrictJson(text);
  } catch {
    body = undefined;
  }
  const members: Record<string, unknown> = typeof body === 'object' && body !== null ? { ...body } : {};
  if (!isProblemCode(members['code']))
    return new UnreachableError('bad_answer', `HTTP status ${answer.status} without a code of OpenLock`, true);
  const detail = typeof members['detail'] === 'string' ? members['detail'] : members['code'];
  return new OpenLockError(members['code'], detail, problemExtras(members, requestId ?? undefined));
}

/** The optional members of a problem or of an error frame, each only if it has the right type. */
export function problemExtras(members: Readonly<Record<string, unknown>>, requestId?: string): ProblemExtras {
  const { retryAfterMs, commandId, state, receipt, status } = members;
  return {
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    ...(typeof commandId === 'string' && { commandId }),
    ...(typeof state === 'string' && { state }),
    ...(typeof receipt === 'string' && { receipt }),
    ...(members['code'] === 'door_refused' && typeof status === 'number' && { doorStatus: status }),
    ...(requestId !== undefined && { requestId }),
  };
}
