/** What a relay does about firmware updates, as one part to start and stop: serving its own doors, and driving rollouts. */
import { z } from 'zod';

import type { Clock, Random } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { AuditTrail } from '../audit/trail.js';
import type { DoorLinks } from '../doors/door-link.js';
import type { RelayBus } from '../relays/bus.js';
import type { RelayLease } from '../relays/lease.js';
import type { DoorRecordStore } from '../store/door-records.js';
import type { FirmwareStore } from '../store/firmware-store.js';
import type { RolloutStore } from '../store/rollout-store.js';
import { ChunkPump } from './chunk-pump.js';
import { parseFirmware } from './door-firmware.js';
import { ImageCache } from './image-cache.js';
import { ReleaseService } from './release-service.js';
import { RolloutDriver } from './rollout-driver.js';
import { UpdateDelivery } from './update-delivery.js';

export interface RelayUpdatesDependencies {
  readonly firmware: FirmwareStore;
  readonly rollouts: RolloutStore;
  readonly doors: Pick<DoorRecordStore, 'doorIds' | 'firmware' | 'overviews'>;
  readonly lease: Pick<RelayLease, 'isLive'>;
  readonly bus: Pick<RelayBus, 'on'>;
  readonly links: DoorLinks;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly relayId: string;
  /** Image bytes a second this relay sends to all doors together; 0: as fast as they ask. */
  readonly bytesPerSecond: number;
  readonly onError: (error: unknown, work: string) => void;
}

export class RelayUpdates {
  readonly delivery: UpdateDelivery;
  readonly #driver: RolloutDriver;
  readonly #bus: Pick<RelayBus, 'on'>;

  constructor(dependencies: RelayUpdatesDependencies) {
    const { firmware, rollouts: store, doors, bus, clock, bytesPerSecond } = dependencies;
    this.#bus = bus;
    this.delivery = new UpdateDelivery({
      ...dependencies,
      store,
      release: (sha256) => firmware.release(sha256),
      firmware: async (doorId) => parseFirmware(await doors.firmware(doorId)),
      images: new ImageCache({ read: (sha256, offset, length) => firmware.readImage(sha256, offset, length) }),
      pump: new ChunkPump({ clock, bytesPerSecond }),
    });
    const releases = new ReleaseService({ ...dependencies, store: firmware, by: { actor: 'relay' } });
    this.#driver = new RolloutDriver({ ...dependencies, store, releases });
  }

  start(): void {
    this.#bus.on('rollouts_changed', z.object({}), () => this.#lookSoon());
    this.delivery.start();
    this.#driver.start();
  }

  async stop(): Promise<void> {
    await this.#driver.stop();
    await this.delivery.stop();
  }

  /** Releases or rollouts changed: look now instead of at the next turn. */
  #lookSoon(): void {
    this.#driver.looks.soon();
    this.delivery.looks.soon();
  }
}
