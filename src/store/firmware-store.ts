import { z } from 'zod';

import { readManifest, type ReleaseClaims } from '../protocol/release.js';
import { channels, firmwareKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** A published release (protocol 12.2). Times in Unix milliseconds. */
export interface ReleaseRecord {
  /** Of the image, and the release's name. */
  readonly sha256: string;
  /** Compact JWS as published. */
  readonly manifest: string;
  /** Key that signed it; whether it is still trusted is another question. */
  readonly kid: string;
  readonly claims: ReleaseClaims;
  readonly publishedAt: number;
  /** Its image is gone, and it is never offered again. */
  readonly withdrawnAt: number | undefined;
}

/** A public key releases may be signed by. `addedAt` in Unix milliseconds. */
export interface TrustedKey {
  readonly kid: string;
  /** SPKI PEM. */
  readonly pem: string;
  readonly addedAt: number;
}

export type PublishOutcome =
  'published' | 'signed_again' | 'unchanged' | 'unknown_key' | 'withdrawn' | 'incomplete' | 'differs';

export interface PublishFields {
  readonly manifest: string;
  readonly kid: string;
  readonly claims: ReleaseClaims;
  /** Where its bytes were uploaded; may be empty when the image is a release already. */
  readonly uploadId: string;
  readonly auditEntry: string;
}

const storedRelease = z.object({ publishedAt: z.int(), withdrawnAt: z.int().optional(), manifest: z.string() });
const storedKey = z.object({ addedAt: z.int(), pem: z.string() });

/** Relays look at releases and rollouts again when they hear this on the fleet's channel. */
const CHANGED = [channels.fleet, JSON.stringify({ t: 'rollouts_changed' })] as const;

/** Typed calls of `redis/functions/firmware.lua`, and reads of releases, images and trusted keys. All may throw `store_unavailable`. */
export class FirmwareStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async release(sha256: string): Promise<ReleaseRecord | undefined> {
    const text = await this.#link.run((client) => client.hget(firmwareKeys.releases, sha256));
    return text === null ? undefined : readRelease(sha256, text);
  }

  /** Every release, withdrawn ones too, the newest first. */
  async releases(): Promise<readonly ReleaseRecord[]> {
    const all = await this.#link.run((client) => client.hgetall(firmwareKeys.releases));
    return Object.entries(all)
      .map(([sha256, text]) => readRelease(sha256, text))
      .sort((a, b) => b.publishedAt - a.publishedAt || a.sha256.localeCompare(b.sha256));
  }

  /** Oldest first. */
  async trustedKeys(): Promise<readonly TrustedKey[]> {
    const all = await this.#link.run((client) => client.hgetall(firmwareKeys.trust));
    return Object.entries(all)
      .map(([kid, text]) => ({ kid, ...storedKey.parse(JSON.parse(text)) }))
      .sort((a, b) => a.addedAt - b.addedAt || a.kid.localeCompare(b.kid));
  }

  /** A release as it stands now, and how many of its bytes are here; one turn to Redis. */
  async standing(
    sha256: string,
  ): Promise<{ readonly release: ReleaseRecord | undefined; readonly imageBytes: number }> {
    const [text, imageBytes] = await this.#link.run((client) =>
      Promise.all([client.hget(firmwareKeys.releases, sha256), client.strlen(firmwareKeys.image(sha256))]),
    );
    return { release: text === null ? undefined : readRelease(sha256, text), imageBytes };
  }

  /** Bytes of an image; fewer than `length` at its end, none when there is no such image. */
  async readImage(sha256: string, offset: number, length: number): Promise<Buffer> {
    if (length <= 0) return Buffer.alloc(0);
    return this.#link.run((client) => client.getrangeBuffer(firmwareKeys.image(sha256), offset, offset + length - 1));
  }

  /**
   * Appends a piece to an upload and gives the upload `ttlMs` more to live. Returns the bytes it has now: fewer than were sent
   * when it ran out in between. After an error it is unknown whether the piece arrived: give the upload up, never send it again.
   */
  async upload(uploadId: string, piece: Uint8Array, ttlMs: number): Promise<number> {
    const key = firmwareKeys.upload(uploadId);
    // In one transaction, so that no moment exists in which the key would stay for ever.
    return this.#link.run(async (client) => {
      const replies = await client
        .multi()
        .append(key, Buffer.from(piece.buffer, piece.byteOffset, piece.length))
        .pexpire(key, ttlMs)
        .exec()
        .catch(firstCause);
      const [error, length] = replies?.[0] ?? [new Error('The transaction was discarded.'), undefined];
      if (error !== null) throw error;
      return Number(length);
    });
  }

  async discardUpload(uploadId: string): Promise<void> {
    await this.#link.run((client) => client.unlink(firmwareKeys.upload(uploadId)));
  }

  /** Makes the upload a release with its audit entry, or changes nothing. */
  async publish({ manifest, kid, claims, uploadId, auditEntry }: PublishFields): Promise<PublishOutcome> {
    const { trust, releases, image, upload, audit } = firmwareKeys;
    return (await this.#link.call(
      'firmware_publish',
      [trust, releases, image(claims.sha256), upload(uploadId), audit],
      [
        claims.sha256,
        kid,
        claims.size,
        `${claims.board} ${claims.version} ${claims.securityVersion}`,
        manifest,
        auditEntry,
        ...CHANGED,
      ],
    )) as PublishOutcome;
  }

  async withdraw(sha256: string, auditEntry: string): Promise<'withdrawn' | 'unchanged' | 'missing'> {
    const { releases, image, audit } = firmwareKeys;
    return (await this.#link.call(
      'firmware_withdraw',
      [releases, image(sha256), audit],
      [sha256, auditEntry, ...CHANGED],
    )) as 'withdrawn' | 'unchanged' | 'missing';
  }

  async addKey(
    key: { readonly kid: string; readonly pem: string },
    most: number,
    auditEntry: string,
  ): Promise<'added' | 'unchanged' | 'full'> {
    const { trust, audit } = firmwareKeys;
    return (await this.#link.call(
      'firmware_key_add',
      [trust, audit],
      [key.kid, key.pem, most, auditEntry, ...CHANGED],
    )) as 'added' | 'unchanged' | 'full';
  }

  async removeKey(kid: string, auditEntry: string): Promise<'removed' | 'missing'> {
    const { trust, audit } = firmwareKeys;
    return (await this.#link.call('firmware_key_remove', [trust, audit], [kid, auditEntry, ...CHANGED])) as
      'removed' | 'missing';
  }
}

function readRelease(sha256: string, text: string): ReleaseRecord {
  const { manifest, publishedAt, withdrawnAt } = storedRelease.parse(JSON.parse(text));
  return { sha256, manifest, ...readManifest(manifest), publishedAt, withdrawnAt };
}

/** A transaction that Redis would not queue (out of memory, …) says why only in an error beside the error. */
function firstCause(error: unknown): never {
  const causes =
    error instanceof Error && 'previousErrors' in error && Array.isArray(error.previousErrors)
      ? (error.previousErrors as unknown[])
      : [];
  throw causes.find((cause) => cause instanceof Error) ?? error;
}
