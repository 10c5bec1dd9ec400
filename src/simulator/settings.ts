import type { ConfigureParams } from '../protocol/command-body.js';
import type { FailSafe } from './lock-model.js';

/** What `configure` can change (protocol 6.3), in force on the door. */
export interface DoorSettings {
  readonly doorId: string;
  /** Origin of the relay. */
  readonly serverAddress: string;
  /** PEM the relay's certificate must chain to; absent: the public roots. */
  readonly caCertificate?: string;
  readonly enrolmentToken?: string;
  readonly doorPassword: string;
  readonly wifiSsid?: string;
  readonly wifiPassword?: string;
  readonly failSafe: FailSafe;
  /** Offline for this long enters fail-safe. 0: never. */
  readonly failSafeAfterMs: number;
  /** Hold of an `unlock` without `holdMs`. 0: stay unlocked. */
  readonly autoRelockMs: number;
  readonly releaseKeys: readonly string[];
}

export const DEFAULT_SETTINGS = { failSafe: 'keep', failSafeAfterMs: 0, autoRelockMs: 5000, releaseKeys: [] } as const;

/** Settings that can cut the door off: they go on probation (protocol 6.3). */
const CRITICAL: readonly (keyof DoorSettings)[] = [
  'wifiSsid',
  'wifiPassword',
  'serverAddress',
  'caCertificate',
  'doorId',
  'enrolmentToken',
];

/** Settings with `params` laid over; `critical` when the door might not come back with them. */
export function applyParams(
  settings: DoorSettings,
  params: ConfigureParams,
): { readonly settings: DoorSettings; readonly critical: boolean } {
  const changes = Object.fromEntries(
    Object.entries(params).filter(([, value]) => value !== undefined),
  ) as Partial<DoorSettings>;
  const critical = CRITICAL.some((name) => Object.hasOwn(changes, name) && changes[name] !== settings[name]);
  return { settings: { ...settings, ...changes }, critical };
}
