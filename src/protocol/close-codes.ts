/**
 * Why a connection is ended, whatever carries it, and what the other side does next (protocol 5.6): reconnects with jitter,
 * gets a new token first, waits an hour, or stops, because it is in error or was replaced.
 */
export const CLOSE_REASONS = {
  going_away: 'reconnect',
  too_big: 'reconnect',
  internal: 'reconnect',
  no_subprotocol: 'stop',
  superseded: 'stop',
  session_ended: 'authenticate',
  disabled: 'wait_hour',
  protocol_error: 'reconnect',
  rate_limited: 'reconnect',
  keep_alive_timeout: 'reconnect',
} as const;

export type CloseReason = keyof typeof CLOSE_REASONS;
export type CloseStep = (typeof CLOSE_REASONS)[CloseReason];

/** How a WebSocket says it, of either kind. */
export const CLOSE = {
  going_away: { code: 1001, reason: 'going away' },
  too_big: { code: 1009, reason: 'message too big' },
  internal: { code: 1011, reason: 'internal error' },
  no_subprotocol: { code: 4000, reason: 'no subprotocol' },
  superseded: { code: 4001, reason: 'superseded by a newer socket' },
  session_ended: { code: 4002, reason: 'session expired or revoked' },
  disabled: { code: 4003, reason: 'disabled' },
  protocol_error: { code: 4004, reason: 'protocol error' },
  rate_limited: { code: 4005, reason: 'rate limited' },
  keep_alive_timeout: { code: 4006, reason: 'keep-alive timeout' },
} as const satisfies Record<CloseReason, { readonly code: number; readonly reason: string }>;

/** What a close code received on the wire means, if it is one of ours. */
export function closeByCode(code: number): { code: number; reason: string; next: CloseStep } | undefined {
  for (const [name, close] of Object.entries(CLOSE))
    if (close.code === code) return { ...close, next: CLOSE_REASONS[name as CloseReason] };
  return undefined;
}
