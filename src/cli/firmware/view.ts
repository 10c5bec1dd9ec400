import type { ReleaseState, ReleaseView } from '../../operators/releases.js';
import { styled, type Piece, type Printer } from '../support/printer.js';
import { iso } from '../support/times.js';

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
