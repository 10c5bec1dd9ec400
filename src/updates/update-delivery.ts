/**
 * Updates of the doors whose sockets are on this relay (protocol 12.4 to 12.6): offers what the store says, serves the blocks,
 * and writes down how far each door is. Who gets a turn is the driver's decision (rollout-driver.ts); here it is carried out.
 */
import { sleep, type Cancel, type Clock } from '../clock.js';
import type { Metrics } from '../metrics.js';
import type { AuditTrail } from '../audit/trail.js';
import type { DoorLink, DoorLinks } from '../doors/door-link.js';
import type { DoorUpdateFrame } from '../protocol/update-frames.js';
import type { ReleaseRecord } from '../store/firmware-store.js';
import { persist } from '../store/persist.js';
import type { DoorUpdateState } from '../protocol/update-frames.js';
import type { InFlight } from '../store/rollout-records.js';
import type { RolloutStore } from '../store/rollout-store.js';
import type { ChunkPump } from './chunk-pump.js';
import { isFirmware, type FirmwareReader } from './door-firmware.js';
import type { ImageCache } from './image-cache.js';
import { Looks } from './looks.js';
import { UpdateTransfer } from './update-transfer.js';

export interface UpdateDeliveryDependencies {
  readonly store: RolloutStore;
  readonly release: (sha256: string) => Promise<ReleaseRecord | undefined>;
  readonly firmware: FirmwareReader;
  readonly images: ImageCache;
  readonly pump: ChunkPump;
  readonly links: DoorLinks;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly onError: (error: unknown, work: string) => void;
}

/** How long a door that came back on its old image has to say why. */
const REPORT_MS = 15_000;
/** A door that is busy is asked again after this. */
const BUSY_RETRY_MS = 60_000;
const LOOK_MS = 2000;
const PROGRESS_MS = 2000;
/** A step that the store did not take is tried again this often; the door says it only once. */
const STEP_TRIES = 60;
const STEP_RETRY_MS = 1000;

export class UpdateDelivery {
  readonly #deps: UpdateDeliveryDependencies;
  readonly #transfers = new Map<string, UpdateTransfer>();
  /** The update each connection was last offered, also after it ended there. */
  readonly #taken = new WeakMap<DoorLink, string>();
  readonly #stopping = new AbortController();
  /** Looks at the store: something about rollouts changed. */
  readonly looks: Looks;
  #timers: readonly Cancel[] = [];

  constructor(dependencies: UpdateDeliveryDependencies) {
    this.#deps = dependencies;
    const { clock, onError } = dependencies;
    this.looks = new Looks(
      clock,
      () => this.#look(),
      (error) => onError(error, 'updates'),
    );
  }

  start(): void {
    this.#timers = [
      this.#deps.clock.every(LOOK_MS, () => this.looks.soon()),
      this.#deps.clock.every(PROGRESS_MS, () => void this.#reportProgress()),
    ];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#timers) cancel();
    this.#deps.pump.stop();
    await this.looks.stop();
    await this.#reportProgress();
  }

  /** True for the frames a download is made of: they are bounded by the blocks outstanding, not by the frame budget. */
  expectsGets(link: DoorLink): boolean {
    const transfer = this.#transfers.get(link.doorId);
    return transfer?.link.conn === link.conn && transfer.downloading;
  }

  /** A door was welcomed: what it is running now settles an update under way, or it goes on with it. */
  async onWelcome(link: DoorLink): Promise<void> {
    const inFlight = await this.#deps.store.inFlightOf(link.doorId);
    if (inFlight !== undefined) await this.#take(link, inFlight);
  }

  onFrame(link: DoorLink, frame: DoorUpdateFrame): void {
    const transfer = this.#transfers.get(link.doorId);
    // Of an update that is over, or was never offered here: set aside.
    if (transfer === undefined || transfer.link.conn !== link.conn || transfer.update.update !== frame.id) return;
    const event = transfer.onFrame(frame);
    if (event.kind === 'violation') return link.close('protocol_error');
    if (event.kind === 'hungry') return this.#deps.pump.want(transfer);
    if (event.kind === 'nothing') return;
    if (event.to === 'downloading') void this.#provideImage(transfer);
    if (event.to !== 'downloading' && event.to !== 'verified' && event.to !== 'rebooting') this.#drop(transfer);
    void this.#step(transfer, event.to, event.code);
  }

  onClosed(link: DoorLink): void {
    const transfer = this.#transfers.get(link.doorId);
    if (transfer?.link.conn === link.conn) this.#drop(transfer);
  }

  async #look(): Promise<void> {
    const inFlight = await this.#deps.store.inFlight();
    for (const transfer of [...this.#transfers.values()]) {
      // Taken back by a halt, a cancellation or a withdrawal: not a byte more of it.
      if (inFlight.get(transfer.link.doorId)?.update !== transfer.update.update) this.#drop(transfer);
    }
    for (const [door, update] of inFlight) {
      const link = this.#deps.links.find(door);
      if (link === undefined || this.#taken.get(link) === update.update) continue;
      await this.#take(link, update);
    }
  }

  /** Binds the update to this connection, and does what its state asks for: at most one offer of it on a connection. */
  async #take(link: DoorLink, { rolloutId, update }: InFlight): Promise<void> {
    const rollout = await this.#deps.store.record(rolloutId);
    if (rollout === undefined) return;
    const { sha256, size, version } = rollout.spec;
    const [release, firmware] = await Promise.all([this.#deps.release(sha256), this.#deps.firmware(link.doorId)]);
    const claim = await this.#deps.store.claim(rolloutId, link.doorId, link.conn);
    const isLive = this.#deps.links.find(link.doorId)?.conn === link.conn;
    if (claim?.update !== update || !isLive || this.#taken.get(link) === update) return;
    const transfer = new UpdateTransfer(
      link,
      { rolloutId, update, sha256, size },
      claim.state === 'rebooting' ? 'rebooting' : 'offered',
    );
    if (isFirmware(firmware, { version, sha256 })) {
      this.#taken.set(link, update);
      return this.#step(transfer, 'confirmed', undefined);
    }
    // The driver halts a rollout whose release is gone; until then nothing is offered.
    if (release === undefined || release.withdrawnAt !== undefined) return;
    this.#taken.set(link, update);
    const present = this.#transfers.get(link.doorId);
    if (present !== undefined) this.#drop(present);
    this.#transfers.set(link.doorId, transfer);
    this.#deps.metrics.updatesHere.set(this.#transfers.size);
    if (transfer.rebooting) void this.#awaitReport(transfer);
    else link.send({ t: 'update', id: update, phase: 'offer', manifest: release.manifest });
  }

  /** The door restarted and runs the old image: it says why, or its silence says enough. */
  async #awaitReport(transfer: UpdateTransfer): Promise<void> {
    await sleep(this.#deps.clock, REPORT_MS, this.#stopping.signal);
    if (transfer.over || !transfer.rebooting || this.#stopping.signal.aborted) return;
    this.#drop(transfer);
    await this.#step(transfer, 'rolled_back', undefined);
  }

  /** A store that is away is tried again: a door that waits in vain would be counted as one that failed. */
  async #provideImage(transfer: UpdateTransfer): Promise<void> {
    const { sha256, size } = transfer.update;
    // An image that is not the release's: no trying mends that, and the driver halts a rollout whose release is gone.
    const image = await this.#persist('image', async () =>
      transfer.over ? undefined : this.#deps.images.get(sha256, size),
    );
    if (image === undefined || transfer.over) return;
    transfer.provide(image);
    if (transfer.hungry) this.#deps.pump.want(transfer);
  }

  #drop(transfer: UpdateTransfer): void {
    const { doorId } = transfer.link;
    void this.#report([transfer]);
    transfer.end();
    this.#deps.pump.forget(transfer);
    if (this.#transfers.get(doorId) === transfer) this.#transfers.delete(doorId);
    this.#deps.metrics.updatesHere.set(this.#transfers.size);
  }

  /** Writes a step down. A store that is away is tried again: what a door says once must not be lost. */
  async #step(transfer: UpdateTransfer, to: DoorUpdateState, code: string | undefined): Promise<void> {
    const { link, update } = transfer;
    const word = code === undefined ? to : `${to}: ${code}`;
    const { doorId: door, conn } = link;
    const about = { actor: `door:${door}`, door, release: update.sha256, rollout: update.rolloutId };
    const auditEntry = this.#deps.audit.entry({ kind: 'update_step', code: word, ...about });
    const outcome = await this.#persist('update step', () =>
      this.#deps.store.step({ ...update, door, conn, to, code, auditEntry, retryMs: BUSY_RETRY_MS }),
    );
    if (outcome === 'ok') this.#deps.metrics.updateSteps.inc({ state: to });
  }

  #persist<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    return persist(work, {
      clock: this.#deps.clock,
      waitMs: (failures) => (failures < STEP_TRIES ? STEP_RETRY_MS : undefined),
      signal: this.#stopping.signal,
      onError: (error) => this.#deps.onError(error, name),
    });
  }

  async #reportProgress(): Promise<void> {
    await this.#report([...this.#transfers.values()]);
  }

  async #report(transfers: readonly UpdateTransfer[]): Promise<void> {
    type Doors = { door: string; update: string; conn: string; percent: number }[];
    const byRollout = new Map<string, { bytes: number; doors: Doors }>();
    for (const transfer of transfers) {
      const { link, update } = transfer;
      const progress = transfer.takeProgress();
      if (progress === undefined) continue;
      const entry = byRollout.get(update.rolloutId) ?? { bytes: 0, doors: [] };
      byRollout.set(update.rolloutId, entry);
      entry.bytes += progress.bytes;
      entry.doors.push({ door: link.doorId, update: update.update, conn: link.conn, percent: progress.percent });
      this.#deps.metrics.updateBytes.inc(progress.bytes);
    }
    for (const [rolloutId, { bytes, doors }] of byRollout) {
      await this.#deps.store
        .progress(rolloutId, bytes, doors)
        .catch((error: unknown) => this.#deps.onError(error, 'update progress'));
    }
  }
}
