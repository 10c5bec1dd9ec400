/** The operator's side of firmware updates on a store, as the command line has it. */
import { systemClock, systemRandom } from '../../src/clock.js';
import { AuditTrail } from '../../src/audit/trail.js';
import { ReleaseService } from '../../src/updates/release-service.js';
import { RolloutAdmin, type StartRequest } from '../../src/operators/rollouts.js';
import type { RolloutView } from '../../src/operators/rollout-view.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { FirmwareStore } from '../../src/store/firmware-store.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { RelayStore } from '../../src/store/relay-store.js';
import { RolloutStore } from '../../src/store/rollout-store.js';
import type { TestRelease } from './releases.js';

export class UpdateOperator {
  readonly releases: ReleaseService;
  readonly rollouts: RolloutAdmin;

  constructor(link: RedisLink) {
    const ambient = { clock: systemClock, random: systemRandom, by: { actor: 'cli:tester' } };
    const audit = new AuditTrail({
      store: new AuditStore(link),
      clock: systemClock,
      node: 'cli',
      onError: () => undefined,
    });
    this.releases = new ReleaseService({ store: new FirmwareStore(link), audit, ...ambient });
    this.rollouts = new RolloutAdmin({
      store: new RolloutStore(link),
      doors: new DoorRecordStore(link),
      relays: new RelayStore(link),
      releases: this.releases,
      audit,
      ...ambient,
    });
  }

  async publish({ image, manifest }: TestRelease): Promise<void> {
    await this.releases.publish({ image: { read: () => pieces(image) }, manifest });
  }

  /** Starts a rollout to everybody at once, which stands no failure, unless `over` says otherwise. */
  start(release: Pick<TestRelease, 'sha256'>, over: Partial<StartRequest> = {}): Promise<RolloutView> {
    return this.rollouts.start({
      release: release.sha256,
      stages: [{ percent: 100 }],
      maxFailures: { count: 0 },
      soakMs: 0,
      doorTimeoutMs: 600_000,
      parallel: 500,
      ...over,
    });
  }
}

async function* pieces(image: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < image.length; at += 64 * 1024) yield await Promise.resolve(image.subarray(at, at + 64 * 1024));
}
