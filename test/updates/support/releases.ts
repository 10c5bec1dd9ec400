/** A real Redis, a ReleaseService on it, and what tests want to see behind it. */
import { systemClock, systemRandom, type Clock } from '../../../src/clock.js';
import { AuditTrail } from '../../../src/audit/trail.js';
import type { ImageSource } from '../../../src/updates/image-reader.js';
import { ReleaseService } from '../../../src/updates/release-service.js';
import { OpenLockError } from '../../../src/protocol/problem.js';
import { UpdateError } from '../../../src/protocol/release.js';
import { AuditStore } from '../../../src/store/audit-store.js';
import { FirmwareStore } from '../../../src/store/firmware-store.js';
import { firmwareKeys } from '../../../src/store/keys.js';
import type { RedisLink } from '../../../src/store/redis-link.js';

export interface ReleaseDesk {
  readonly service: ReleaseService;
  readonly store: FirmwareStore;
  /** Time of the service; Redis has its own. */
  setTime(now: number): void;
}

export function releaseDesk(link: RedisLink): ReleaseDesk {
  let offsetMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + offsetMs };
  const store = new FirmwareStore(link);
  const auditStore = new AuditStore(link);
  const audit = new AuditTrail({ store: auditStore, clock, node: 'cli', onError: () => undefined });
  return {
    service: new ReleaseService({ store, audit, clock, random: systemRandom, by: { actor: 'cli:tester' } }),
    store,
    setTime: (now) => {
      offsetMs = now - Date.now();
    },
  };
}

/** Entries of the firmware's audit stream, oldest first. */
export async function auditOf(link: RedisLink): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = await new AuditStore(link).newest(firmwareKeys.audit, 1000);
  return rows.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
}

export function imageOf(...pieces: readonly Buffer[]): ImageSource {
  return {
    async *read() {
      await Promise.resolve();
      yield* pieces;
    },
  };
}

/** Code of the refusal; what it resolved to when there is none. */
export async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UpdateError || error instanceof OpenLockError) return error.code;
    throw error;
  }
}

export async function detail(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error('nothing was refused');
}
