/**
 * The one table of error codes (protocol 9): code -> HTTP status, title, and what a caller should do next.
 * Everything that refuses something throws an {@link OpenLockError} with one of these codes; HTTP, the client
 * socket, the command line and the SDK all read this table and never branch on a message.
 */
interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** `retry`: the same request may succeed later; `stop`: it will not, unless something is changed. */
  readonly next: 'retry' | 'stop';
}

export const PROBLEMS = {
  invalid_request: { status: 400, title: 'The request is not well formed', next: 'stop' },
  invalid_envelope: { status: 400, title: 'The command envelope is not well formed', next: 'stop' },
  unauthenticated: { status: 401, title: 'Authentication failed', next: 'stop' },
  token_expired: { status: 401, title: 'The token has expired', next: 'stop' },
  token_revoked: { status: 401, title: 'The token has been revoked', next: 'stop' },
  forbidden_origin: { status: 403, title: 'This origin may not do that', next: 'stop' },
  action_not_allowed: { status: 403, title: 'The grant does not allow this action', next: 'stop' },
  key_banned: { status: 403, title: 'The door key is banned', next: 'stop' },
  ip_blocked: { status: 403, title: 'This address is blocked for a while', next: 'retry' },
  site_blocked: { status: 403, title: 'The site is blocked', next: 'stop' },
  door_disabled: { status: 403, title: 'The door is disabled', next: 'stop' },
  website_unverified: { status: 403, title: 'The website could not be verified', next: 'retry' },
  not_found: { status: 404, title: 'There is nothing here', next: 'stop' },
  door_not_found: { status: 404, title: 'No such door', next: 'stop' },
  key_not_found: { status: 404, title: 'The door has no key yet', next: 'stop' },
  command_not_found: { status: 404, title: 'No such command', next: 'stop' },
  method_not_allowed: { status: 405, title: 'Method not allowed', next: 'stop' },
  replayed: { status: 409, title: 'This envelope was already used', next: 'stop' },
  wrong_key: { status: 409, title: 'Not the key of this door', next: 'stop' },
  payload_too_large: { status: 413, title: 'The body is too large', next: 'stop' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type', next: 'stop' },
  stale_timestamp: { status: 422, title: 'The envelope is too old or too new', next: 'stop' },
  door_refused: { status: 422, title: 'The door refused the command', next: 'stop' },
  upgrade_required: { status: 426, title: 'A WebSocket upgrade is required', next: 'stop' },
  rate_limited: { status: 429, title: 'Too many requests', next: 'retry' },
  internal: { status: 500, title: 'Something went wrong on our side', next: 'retry' },
  door_offline: { status: 503, title: 'The door is offline', next: 'retry' },
  store_unavailable: { status: 503, title: 'The store is unavailable', next: 'retry' },
  door_timeout: { status: 504, title: 'The door did not answer in time', next: 'stop' },
} as const satisfies Record<string, ProblemKind>;

/** One of the codes of protocol 9. */
export type ProblemCode = keyof typeof PROBLEMS;

/** True when `value` is one of the codes of protocol 9. */
export function isProblemCode(value: unknown): value is ProblemCode {
  return typeof value === 'string' && Object.hasOwn(PROBLEMS, value);
}

/** Members a problem may carry besides its code (protocol 7.3, 2.2). */
export interface ProblemExtras {
  /** Milliseconds after which the same request may succeed; becomes `Retry-After` on HTTP. */
  readonly retryAfterMs?: number;
  readonly commandId?: string;
  readonly state?: string;
  readonly receipt?: string;
  /** HTTP-like status the door gave (200 or 400), where the problem is the door's answer. */
  readonly doorStatus?: number;
  /** From submission to the answer, for `door_refused` on the client socket (protocol 7.7). */
  readonly latencyMs?: number;
  /** For 405: the methods that are allowed. */
  readonly allow?: readonly string[];
  /** `X-Request-Id` of the answer that carried the problem; set by the SDK, for people who ask the operator. */
  readonly requestId?: string;
  /** The programming or I/O error behind it; logged, never sent. */
  readonly cause?: unknown;
}

/** The error family of the relay, the command line and the SDK: a literal `code`, a sentence for people, and extras. */
export class OpenLockError extends Error {
  override readonly name: string = 'OpenLockError';
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.extras = extras;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }
}

/** The body of an `application/problem+json` answer (RFC 9457; protocol 2.2). `status` is the HTTP status, but for `door_refused` the door's (7.3). */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly requestId: string;
  readonly retryAfterMs?: number;
  readonly commandId?: string;
  readonly state?: string;
  readonly receipt?: string;
}

/** Renders an error as the problem body of protocol 2.2. For `door_refused`, protocol 7.3 fixes `status` to the door's 400. */
export function toProblemBody(error: OpenLockError, requestId: string): ProblemBody {
  const { retryAfterMs, commandId, state, receipt, doorStatus } = error.extras;
  return {
    type: `urn:openlock:problem:${error.code}`,
    title: PROBLEMS[error.code].title,
    status: doorStatus ?? error.status,
    code: error.code,
    detail: error.message,
    requestId,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(commandId !== undefined && { commandId }),
    ...(state !== undefined && { state }),
    ...(receipt !== undefined && { receipt }),
  };
}
