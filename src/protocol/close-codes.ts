/** WebSocket close codes of both kinds of socket, and what the other side does next (protocol 5.6). */
interface CloseKind {
  readonly code: number;
  readonly reason: string;
  /** `reconnect`: with jitter; `authenticate`: get a new token first; `wait_hour`: not for an hour; `stop`: the caller is in error or was replaced. */
  readonly next: 'reconnect' | 'authenticate' | 'wait_hour' | 'stop';
}

export const CLOSE = {
  going_away: { code: 1001, reason: 'going away', next: 'reconnect' },
  too_big: { code: 1009, reason: 'message too big', next: 'reconnect' },
  internal: { code: 1011, reason: 'internal error', next: 'reconnect' },
  no_subprotocol: { code: 4000, reason: 'no subprotocol', next: 'stop' },
  superseded: { code: 4001, reason: 'superseded by a newer socket', next: 'stop' },
  session_ended: { code: 4002, reason: 'session expired or revoked', next: 'authenticate' },
  disabled: { code: 4003, reason: 'disabled', next: 'wait_hour' },
  protocol_error: { code: 4004, reason: 'protocol error', next: 'reconnect' },
  rate_limited: { code: 4005, reason: 'rate limited', next: 'reconnect' },
  keep_alive_timeout: { code: 4006, reason: 'keep-alive timeout', next: 'reconnect' },
} as const satisfies Record<string, CloseKind>;

export type CloseName = keyof typeof CLOSE;

/** The entry for a close code received on the wire, if it is one of ours. */
export function closeByCode(code: number): (typeof CLOSE)[CloseName] | undefined {
  return Object.values(CLOSE).find((entry) => entry.code === code);
}
