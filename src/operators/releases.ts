/** Releases as operators see them (protocol 12.2), with whether each may be offered to doors. */
import type { Clock } from '../clock.js';
import type { ReleaseRecord } from '../store/firmware-store.js';
import type { ReleaseService } from '../updates/release-service.js';
import type { Published } from '../updates/release-upload.js';

/** Whether a release may be offered to doors, and if not why not; the reason that lasts longest first. */
export type ReleaseState = 'ready' | 'withdrawn' | 'untrusted' | 'expired';

/** A release as operators see it, and as `--json` prints it. Times in Unix milliseconds. */
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

export interface ReleaseAdminDependencies {
  readonly service: ReleaseService;
  readonly clock: Clock;
}

export class ReleaseAdmin {
  readonly #deps: ReleaseAdminDependencies;

  constructor(dependencies: ReleaseAdminDependencies) {
    this.#deps = dependencies;
  }

  /** See `ReleaseService.publish`. */
  async publish(
    release: Parameters<ReleaseService['publish']>[0],
  ): Promise<{ readonly outcome: Published['outcome']; readonly release: ReleaseView }> {
    const { outcome, release: record } = await this.#deps.service.publish(release);
    return { outcome, release: await this.#view(record) };
  }

  /** All releases, withdrawn ones too, the newest first. */
  async list(): Promise<readonly ReleaseView[]> {
    const [records, trusted] = await Promise.all([this.#deps.service.list(), this.#trustedKids()]);
    return records.map((record) => releaseView(record, trusted, this.#deps.clock.now()));
  }

  /** One release and its manifest. Throws as `ReleaseService.find`. */
  async show(
    nameOrSha256: string,
    board?: string,
  ): Promise<{ readonly release: ReleaseView; readonly manifest: string }> {
    const record = await this.#deps.service.find(nameOrSha256, board);
    return { release: await this.#view(record), manifest: record.manifest };
  }

  /** Ends a release for good; `changed` is false when it was withdrawn before. Throws as `ReleaseService.withdraw`. */
  async withdraw(
    nameOrSha256: string,
    board?: string,
  ): Promise<{ readonly release: ReleaseView; readonly changed: boolean }> {
    const { release, changed } = await this.#deps.service.withdraw(nameOrSha256, board);
    return { release: await this.#view(release), changed };
  }

  /** Keys releases may be signed by; oldest first. */
  trustedKeys(): ReturnType<ReleaseService['trustedKeys']> {
    return this.#deps.service.trustedKeys();
  }

  /** See `ReleaseService.trust`. */
  trust(pem: string): ReturnType<ReleaseService['trust']> {
    return this.#deps.service.trust(pem);
  }

  /** What the key signed is not offered from now on; resolves to how many releases that are. Throws `key_not_found`. */
  async distrust(kid: string): Promise<number> {
    await this.#deps.service.distrust(kid);
    const all = await this.#deps.service.list();
    return all.filter((release) => release.kid === kid && release.withdrawnAt === undefined).length;
  }

  async #view(record: ReleaseRecord): Promise<ReleaseView> {
    return releaseView(record, await this.#trustedKids(), this.#deps.clock.now());
  }

  async #trustedKids(): Promise<ReadonlySet<string>> {
    return new Set((await this.trustedKeys()).map(({ kid }) => kid));
  }
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
