import type { ReleaseRecord } from '../../store/firmware-store.js';
import { styled, type Piece, type Printer } from '../support/printer.js';
import { iso } from '../support/times.js';

/** Whether a release may be offered to doors, and if not why not; the reason that lasts longest first. */
export type ReleaseState = 'ready' | 'withdrawn' | 'untrusted' | 'expired';

/** A release as the command line shows it, and as `--json` prints it. Times in Unix milliseconds. */
export interface ReleaseView {
  readonly sha256: string;
  readonly version: string;
  readonly board: string;
  readonly securityVersion: number;
  readonly size: number;
  readonly state: ReleaseState;
  readonly kid: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly publishedAt: number;
  readonly withdrawnAt: number | null;
  readonly notes: string | null;
}

/** `trusted`: ids of the keys releases may be signed by. */
export function releaseView(
  { sha256, claims, kid, publishedAt, withdrawnAt }: ReleaseRecord,
  trusted: ReadonlySet<string>,
  now: number,
): ReleaseView {
  const { version, board, securityVersion, size, createdAt, expiresAt, notes } = claims;
  const state =
    withdrawnAt !== undefined ? 'withdrawn' : !trusted.has(kid) ? 'untrusted' : expiresAt <= now ? 'expired' : 'ready';
  return {
    sha256,
    version,
    board,
    securityVersion,
    size,
    state,
    kid,
    createdAt,
    expiresAt,
    publishedAt,
    withdrawnAt: withdrawnAt ?? null,
    notes: notes ?? null,
  };
}

const WORDS: Readonly<Record<ReleaseState, Piece>> = {
  ready: styled('green', 'ready'),
  withdrawn: styled('dim', 'withdrawn'),
  untrusted: styled('red', 'key not trusted'),
  expired: styled('yellow', 'expired'),
};

export const stateWord = (state: ReleaseState): Piece => WORDS[state];

export function printRelease(print: Printer, release: ReleaseView): void {
  const row = (name: string, ...value: readonly Piece[]): void => print.line(styled('dim', name.padEnd(14)), ...value);
  row(
    'release',
    styled('bold', release.version),
    ' for ',
    styled('bold', release.board),
    `, security version ${release.securityVersion}`,
  );
  row('state', stateWord(release.state));
  row('SHA-256', release.sha256);
  row('size', `${release.size} bytes`);
  row('signed by', release.kid);
  row('signed', iso(release.createdAt));
  row('expires', iso(release.expiresAt));
  row('published', iso(release.publishedAt));
  if (release.withdrawnAt !== null) row('withdrawn', iso(release.withdrawnAt));
  if (release.notes !== null) row('notes', release.notes);
}
