/** Releases as operators and rollouts see them (protocol 12.2). Works on the store, with any relay up or down. */
import type { Clock, Random } from '../clock.js';
import type { Acting } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import { OpenLockError } from '../protocol/problem.js';
import type { FirmwareStore, ReleaseRecord, TrustedKey } from '../store/firmware-store.js';
import type { ImageSource } from './image-reader.js';
import { chooseRelease } from './release-choice.js';
import { KEY_LIMITS, readReleaseKey, type ReleaseKey } from './release-keys.js';
import { publishRelease, type Published } from './release-upload.js';
import { verifyManifest } from './signing.js';

export interface ReleaseServiceDependencies {
  readonly store: FirmwareStore;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly random: Random;
  /** In whose name releases are published and withdrawn, and keys trusted. */
  readonly by: Acting;
}

export class ReleaseService {
  readonly #deps: ReleaseServiceDependencies;

  constructor(dependencies: ReleaseServiceDependencies) {
    this.#deps = dependencies;
  }

  /**
   * Checks an image and its manifest, uploads the image and makes both a release, at once or not at all. Again is fine; the same
   * image under another manifest is fine where that says the same of it. Throws UpdateError (`bad_signature`, `unknown_key`,
   * `wrong_product`, `expired`, `too_large`, `size_mismatch`, `hash_mismatch`), `invalid_request` (withdrawn, says something else).
   */
  async publish(release: {
    readonly image: ImageSource;
    readonly manifest: string;
    readonly onProgress?: (sentBytes: number) => void;
  }): Promise<Published> {
    const { store, audit, clock, random, by } = this.#deps;
    const form = verifyManifest(release.manifest, await this.trustedKeys(), clock.now());
    const { sha256, board, version } = form.claims;
    const auditEntry = audit.entry({
      kind: 'release_published',
      ...by,
      target: `release:${sha256}`,
      release: sha256,
      code: `${version} ${board}`,
    });
    return publishRelease(store, random, { ...release, form, auditEntry });
  }

  /** All releases, withdrawn ones too, the newest first. */
  list(): Promise<readonly ReleaseRecord[]> {
    return this.#deps.store.releases();
  }

  /**
   * The release with this SHA-256 (or at least 8 digits of its beginning) or version. Of several with one version (boards, images), `board` says
   * which; one that was withdrawn is found only where there is no other. Throws `not_found`, `invalid_request` (names the candidates).
   */
  async find(nameOrSha256: string, board?: string): Promise<ReleaseRecord> {
    return chooseRelease(await this.#deps.store.releases(), nameOrSha256, board);
  }

  /**
   * The release as it stands now, when it may be offered to doors. Throws UpdateError (`expired`, `unknown_key`: its signer is not
   * trusted any more), `not_found`, `invalid_request` (withdrawn).
   */
  async offerable({ sha256 }: Pick<ReleaseRecord, 'sha256'>): Promise<ReleaseRecord> {
    const { release, imageBytes } = await this.#deps.store.standing(sha256);
    if (release === undefined) throw new OpenLockError('not_found', `There is no release ${sha256}.`);
    if (release.withdrawnAt !== undefined)
      throw new OpenLockError(
        'invalid_request',
        `Release ${release.claims.version} (${sha256}) was withdrawn on ${new Date(release.withdrawnAt).toISOString()}.`,
      );
    if (imageBytes !== release.claims.size)
      throw new OpenLockError('not_found', `The image of release ${sha256} is gone; publish it again.`);
    // Not the flag of a key alone: whoever wrote the record must have had a manifest that was really signed.
    verifyManifest(release.manifest, await this.trustedKeys(), this.#deps.clock.now());
    return release;
  }

  /** Ends a release for good and deletes its image; false when it was withdrawn before. Throws `not_found`, `invalid_request`. */
  async withdraw(
    nameOrSha256: string,
    board?: string,
  ): Promise<{ readonly release: ReleaseRecord; readonly changed: boolean }> {
    const found = await this.find(nameOrSha256, board);
    const { version, board: its } = found.claims;
    const auditEntry = this.#deps.audit.entry({
      kind: 'release_withdrawn',
      ...this.#deps.by,
      target: `release:${found.sha256}`,
      release: found.sha256,
      code: `${version} ${its}`,
    });
    const outcome = await this.#deps.store.withdraw(found.sha256, auditEntry);
    const release = await this.#deps.store.release(found.sha256);
    if (outcome === 'missing' || release === undefined)
      throw new OpenLockError('not_found', `There is no release ${found.sha256}.`);
    return { release, changed: outcome === 'withdrawn' };
  }

  /** Public keys releases may be signed by; oldest first. */
  async trustedKeys(): Promise<readonly (ReleaseKey & Pick<TrustedKey, 'addedAt'>)[]> {
    return (await this.#deps.store.trustedKeys()).map(({ pem, addedAt }) => ({ ...readReleaseKey(pem), addedAt }));
  }

  /** Lets releases be signed by a key; false when it was trusted before. Throws `invalid_request` (no P-256 public key; 16 are trusted). */
  async trust(pem: string): Promise<{ readonly key: ReleaseKey; readonly changed: boolean }> {
    const key = readReleaseKey(pem);
    const outcome = await this.#deps.store.addKey(
      key,
      KEY_LIMITS.trusted,
      this.#deps.audit.entry({ kind: 'release_key_added', ...this.#deps.by, target: `key:${key.kid}`, code: key.kid }),
    );
    if (outcome === 'full')
      throw new OpenLockError(
        'invalid_request',
        `${KEY_LIMITS.trusted} keys are trusted, which is the limit; remove one that is not used any more.`,
      );
    return { key, changed: outcome === 'added' };
  }

  /** What the key signed is not offered from now on. Throws `key_not_found`. */
  async distrust(kid: string): Promise<void> {
    const outcome = await this.#deps.store.removeKey(
      kid,
      this.#deps.audit.entry({ kind: 'release_key_removed', ...this.#deps.by, target: `key:${kid}`, code: kid }),
    );
    if (outcome === 'missing')
      throw new OpenLockError(
        'key_not_found',
        `Releases signed by ${kid} are not trusted here; \`openlock firmware trust list\` shows the keys that are.`,
      );
  }
}
