/** Which release people mean by a version or a SHA-256 (protocol 12.2, 12.3). */
import { OpenLockError } from '../protocol/problem.js';
import { UpdateError } from '../protocol/release.js';
import type { ReleaseRecord } from '../store/firmware-store.js';

/** As git does it: the beginning of a hash is enough where it is the only one. */
const HASH = /^[0-9a-f]{8,64}$/i;
const NAMED_CANDIDATES = 8;

/** Throws `not_found`, `invalid_request` (several: names them), UpdateError `wrong_board`. */
export function chooseRelease(releases: readonly ReleaseRecord[], nameOrSha256: string, board?: string): ReleaseRecord {
  if (HASH.test(nameOrSha256)) return only(byHash(releases, nameOrSha256.toLowerCase(), board), nameOrSha256);
  const all = releases.filter(
    ({ claims }) => claims.version === nameOrSha256 && (board === undefined || claims.board === board),
  );
  const standing = all.filter(({ withdrawnAt }) => withdrawnAt === undefined);
  return only(
    standing.length > 0 ? standing : all,
    board === undefined ? nameOrSha256 : `${nameOrSha256} for the board ${board}`,
  );
}

function byHash(
  releases: readonly ReleaseRecord[],
  start: string,
  board: string | undefined,
): readonly ReleaseRecord[] {
  const found = releases.filter(({ sha256 }) => sha256.startsWith(start));
  const [first] = found;
  if (found.length === 1 && first !== undefined && board !== undefined && first.claims.board !== board) {
    throw new UpdateError(
      'wrong_board',
      `Release ${first.sha256} is for the board ${first.claims.board}, not for ${board}.`,
    );
  }
  return found;
}

function only(candidates: readonly ReleaseRecord[], name: string): ReleaseRecord {
  const [first, ...others] = candidates;
  if (first === undefined)
    throw new OpenLockError('not_found', `There is no release ${name}; \`openlock firmware list\` shows all.`);
  if (others.length === 0) return first;
  const lines = candidates
    .slice(0, NAMED_CANDIDATES)
    .map(({ sha256, claims }) => `\n  ${sha256}  ${claims.version}  ${claims.board}`);
  const more = candidates.length > NAMED_CANDIDATES ? `\n  and ${candidates.length - NAMED_CANDIDATES} more` : '';
  throw new OpenLockError(
    'invalid_request',
    `${candidates.length} releases are called ${name}; say which by its SHA-256, or by --board:${lines.join('')}${more}`,
  );
}
