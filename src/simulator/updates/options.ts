import type { ReleaseClaims, UpdateCode } from '../../protocol/release.js';
import type { UpdatePhase } from '../../protocol/update-frames.js';

/** What a simulated door does wrong, for tests. Percentages are of the image. */
export type UpdateFault =
  /** Never answers the offer. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'refuses'; readonly code: UpdateCode }
  /** Asks for no more bytes from there on. */
  | { readonly kind: 'stalls'; readonly atPercent: number }
  /** Loses its socket there, once an offer that it began anew; stays away for `forMs` (default: until it has connected again). */
  | { readonly kind: 'goes_offline'; readonly atPercent: number; readonly forMs?: number }
  | { readonly kind: 'write_fails'; readonly atPercent: number }
  /** Stores what it was not sent: the digest does not match. */
  | { readonly kind: 'flips_byte' }
  /** The new image crashes: the door comes back on the old one. */
  | { readonly kind: 'boot_fails' }
  /** The new image cannot reach the relay. */
  | { readonly kind: 'never_welcomed' }
  /** Comes back on the old image and says `confirmed`. */
  | { readonly kind: 'lies' };

export interface UpdateOptions {
  /** Public keys of the door's build, PEM; `configure` replaces them. None: every offer is refused `unknown_key`. */
  readonly releaseKeys: readonly string[];
  /** Room for an image. Default 4 MiB. */
  readonly slotBytes?: number;
  /** Keeps what was downloaded, to be compared. Default false: bytes are hashed and counted, so that thousands of doors fit. */
  readonly keepImage?: boolean;
  /** Pause before each block is asked for, milliseconds: a slow flash. Default 0. */
  readonly paceMs?: number;
  /** How long a new image has to be welcomed. Default 180,000 ms (protocol 12.5). */
  readonly trialMs?: number;
  /** How long it waits for a byte it asked for. Default 60,000 ms. */
  readonly patienceMs?: number;
  /** Asked for each offer that can be read. */
  readonly fault?: (claims: ReleaseClaims) => UpdateFault | undefined;
}

/** A step of an update as the door sees it; `offer` and the resume offset besides what it sends. */
export interface UpdateStep {
  readonly id: string;
  readonly phase: UpdatePhase | 'offer';
  readonly version?: string;
  readonly percent?: number;
  readonly offset?: number;
  readonly code?: string;
}

export interface UpdateCounts {
  /** Offer frames that came. */
  readonly offers: number;
  /** Image bytes that came and were wanted. */
  readonly bytes: number;
  /** Blocks nobody had asked for: of an older update, sent twice, or of the wrong length. */
  readonly strays: number;
}
