import { isProblemCode, OpenLockError, type ProblemExtras } from '../protocol/problem.js';
import { parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';
import type { ClientClock, FetchAnswer, FetchLike } from './ambient.js';
import { bounded } from './bounded.js';
import { UnreachableError } from './errors.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly accessToken?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

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
    const late = (): Error => new UnreachableError(`no answer from the relay within ${timeoutMs} ms`, true);
    return bounded({ clock: this.#clock, timeoutMs, signal, late }, async (inner) => {
      const answer = await this.#send(request, inner);
      const text = await this.#read(answer, inner);
      if (answer.status >= 200 && answer.status < 300) return answer.status === 204 ? undefined : parseBody(text);
      throw problemOf(answer, text);
    });
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<FetchAnswer> {
    const headers: Record<string, string> = { accept: 'application/json, application/problem+json' };
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    if (request.accessToken !== undefined) headers['authorization'] = `Bearer ${request.accessToken}`;
    try {
      return await this.#fetch(`${this.#origin}${request.path}`, {
        method: request.method,
        headers,
        ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
        signal,
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
      });
    } catch (error) {
      throw unreachable(error, signal);
    }
  }

  async #read(answer: FetchAnswer, signal: AbortSignal): Promise<string> {
    try {
      return await answer.text();
    } catch (error) {
      throw unreachable(error, signal);
    }
  }
}

/** An abort stays what it is; everything else fetch rejects with is "no answer". */
function unreachable(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : new UnreachableError('the relay could not be reached', true, error);
}

function parseBody(text: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new UnreachableError('the answer is not JSON; is this an OpenLock relay?', true, error);
  }
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
    return new UnreachableError(`HTTP status ${answer.status} without a code of OpenLock`, true);
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
