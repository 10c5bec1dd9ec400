/** One line of the audit trail (protocol 10.1). No secret, token, password or plaintext ever goes in. */
export interface AuditEntry {
  /** Unix milliseconds. */
  readonly at: number;
  /** Relay (or `cli`) that wrote it; `store` for ends that Redis itself noticed. */
  readonly node: string;
  readonly kind: AuditKind;
  /** Site id, `door:<id>`, `cli:<user>`, `operator` (a command line's access token), `relay` or `anonymous`. */
  readonly actor: string;
  /** What an operator's act was done to (protocol 10.1). */
  readonly target?: Target;
  readonly door?: string;
  readonly commandId?: string;
  readonly code?: string;
  /** SHA-256 of a firmware image. */
  readonly release?: string;
  /** Id of a rollout. */
  readonly rollout?: string;
  readonly address?: string;
  readonly requestId?: string;
  /** How many of the same within the minute, for folded entries. */
  readonly count?: number;
}

export type Target = `${'door' | 'site' | 'key' | 'release' | 'rollout'}:${string}`;

/** Who acts, and from where: stands in every entry of what they do. */
export type Acting = Pick<AuditEntry, 'actor' | 'address' | 'requestId'>;

export const AUDIT_KINDS = [
  'login_requested',
  'token_issued',
  'token_refreshed',
  'token_revoked',
  'auth_failed',
  'registered',
  'socket_opened',
  'socket_closed',
  'command_submitted',
  'command_settled',
  'door_event',
  'refused',
  'limit_hit',
  'address_blocked',
  'site_blocked',
  'site_unblocked',
  'granted',
  'grant_revoked',
  'door_added',
  'door_reset',
  'door_disabled',
  'door_enabled',
  'door_removed',
  'key_banned',
  'key_unbanned',
  'release_published',
  'release_withdrawn',
  'release_key_added',
  'release_key_removed',
  'rollout_started',
  'rollout_stage',
  'rollout_halted',
  'rollout_paused',
  'rollout_resumed',
  'rollout_cancelled',
  'rollout_completed',
  'update_step',
  'audit_dropped',
] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

export type AuditFields = Omit<AuditEntry, 'at' | 'node'>;
