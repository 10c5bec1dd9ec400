/** What a relay does about firmware updates, as one part to start and stop: serving its own doors, and driving rollouts. */
import type { Clock, Random } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { AuditTrail } from '../audit/trail.js';
import type { RelayLease } from '../doors/relay-lease.js';
import type { DoorStore } from '../store/door-store.js';
import type { FirmwareStore } from '../store/firmware-store.js';
import type { RolloutStore } from '../store/rollout-store.js';
import { ChunkPump } from './chunk-pump.js';
import { parseFirmware } from './door-firmware.js';
import { ImageCache } from './image-cache.js';
import { ReleaseService } from './release-service.js';
import { RolloutDriver } from './rollout-driver.js';
import { UpdateDelivery } from './update-delivery.js';
import type { UpdateLinks } from './update-link.js';

export interface RelayUpdatesDependencies {
  readonly firmware: FirmwareStore;
  readonly rollouts: RolloutStore;
  readonly doors: DoorStore;
  readonly lease: Pick<RelayLease, 'isLive'>;
  readonly links: UpdateLinks;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly nodeId: string;
  /** Image bytes a second this relay sends to all doors together; 0: as fast as they ask. */
  readonly bytesPerSecond: number;
  readonly onError: (error: unknown, work: string) => void;
}

export class RelayUpdates {
  readonly delivery: UpdateDelivery;
  readonly #driver: RolloutDriver;

  constructor(dependencies: RelayUpdatesDependencies) {
    const { firmware, rollouts, doors, lease, links, audit, metrics, clock, random, nodeId, bytesPerSecond, onError } =
      dependencies;
    this.delivery = new UpdateDelivery({
      store: rollouts,
      release: (sha256) => firmware.release(sha256),
      firmware: async (doorId) => parseFirmware(await doors.firmware(doorId)),
      images: new ImageCache({ read: (sha256, offset, length) => firmware.readImage(sha256, offset, length) }),
      pump: new ChunkPump({ clock, bytesPerSecond }),
      links,
      audit,
      metrics,
      onError,
    });
    const releases = new ReleaseService({ store: firmware, audit, clock, random, by: { actor: 'relay' } });
    this.#driver = new RolloutDriver({
      store: rollouts,
      doors,
      releases,
      lease,
      audit,
      clock,
      random,
      nodeId,
      onError,
    });
  }

  start(): void {
    this.delivery.start();
    this.#driver.start();
  }

  async stop(): Promise<void> {
    await this.#driver.stop();
    await this.delivery.stop();
  }

  /** Releases or rollouts changed: look now instead of at the next turn. */
  lookSoon(): void {
    this.#driver.lookSoon();
    this.delivery.lookSoon();
  }
}
