/** Updates as a door lives through them (protocol 12.4, 12.5): offer, download, check, switch, restart, confirm or go back. */
import type { EventData } from '../../protocol/door-state.js';
import {
  RELEASE_LIMITS,
  readManifest,
  UpdateError,
  type ReleaseClaims,
  type UpdateCode,
} from '../../protocol/release.js';
import type { DoorUpdateFrame, UpdateOfferFrame } from '../../protocol/update-frames.js';
import type { Cancel, TimeSource } from '../ambient.js';
import { Download, type DownloadOwner } from './download.js';
import { judgeManifest } from './manifest-check.js';
import type { UpdateCounts, UpdateFault, UpdateOptions, UpdateStep } from './options.js';
import { UpdateSlot } from './slot.js';
import {
  reported,
  rolledBack,
  started,
  switched,
  welcomed,
  type BadImage,
  type RunningFirmware,
  type UpdateMemory,
} from './update-memory.js';

/** What updates need of the door. */
export interface UpdateHost {
  readonly releaseKeys: readonly string[];
  /** The door's clock, Unix ms. */
  now(): number;
  /** `lost` is called when the frame certainly did not leave. */
  send(frame: DoorUpdateFrame, lost?: () => void): void;
  step(step: UpdateStep): void;
  event(data: EventData): void;
  /** Resolves once it survives a power cut. */
  persist(memory: UpdateMemory): Promise<void> | void;
  fault(error: unknown): void;
  restart(): void;
  /** Pulls the plug of the socket. */
  cutOff(): void;
}

const TRIAL_MS = 180_000;
const PATIENCE_MS = 60_000;

export class DoorUpdates implements DownloadOwner {
  readonly #host: UpdateHost;
  readonly #time: TimeSource;
  readonly #options: UpdateOptions;
  #memory: UpdateMemory;
  #slot: UpdateSlot | undefined;
  #download: Download | undefined;
  /** Id of an update whose image is in and is being switched to. */
  #switching: string | undefined;
  #trial: Cancel | undefined;
  #awayUntil = -Infinity;
  #offers = 0;
  #bytes = 0;
  #strays = 0;

  constructor(host: UpdateHost, time: TimeSource, memory: UpdateMemory, options: UpdateOptions) {
    this.#host = host;
    this.#time = time;
    this.#memory = memory;
    this.#options = options;
  }

  /** The image that runs. */
  get running(): RunningFirmware {
    return this.#memory.running;
  }

  get counts(): UpdateCounts {
    return { offers: this.#offers, bytes: this.#bytes, strays: this.#strays };
  }

  /** Bytes of the image in the slot, if they are kept. */
  get image(): Buffer | undefined {
    return this.#slot?.image;
  }

  /** False while a fault keeps the door from its network. */
  get networkUp(): boolean {
    return this.#memory.trial?.bad !== 'never_welcomed' && this.#time.monotonic() >= this.#awayUntil;
  }

  /** Power on: a bad image goes back by itself, a good one has three minutes to be welcomed (protocol 12.5). */
  boot(): void {
    this.stop();
    this.#remember(started(this.#memory));
    if (this.#memory.trial === undefined) return;
    this.#trial = this.#time.after(this.#options.trialMs ?? TRIAL_MS, () => {
      this.#remember(rolledBack(this.#memory, 'not_confirmed'));
      this.#host.restart();
    });
  }

  /** Lets every timer go; the slot stays. */
  stop(): void {
    this.lost();
    this.#switching = undefined;
    this.#trial?.();
    this.#trial = undefined;
  }

  /** The live connection is gone, and what was under way on it. */
  lost(): void {
    this.#download?.stop();
    this.#download = undefined;
  }

  /** A relay has accepted the image that runs: it is confirmed, and what there is to tell is told. */
  welcomed(): void {
    this.#trial?.();
    this.#trial = undefined;
    this.#remember(welcomed(this.#memory));
    const { report } = this.#memory;
    if (report === undefined) return;
    const { id, phase, code, version } = report;
    this.#remember(reported(this.#memory));
    const again = (): void => this.#remember({ ...this.#memory, report });
    this.#host.send(
      phase === 'confirmed'
        ? { t: 'update', id, phase }
        : { t: 'update', id, phase, ...(code !== undefined && { code }) },
      again,
    );
    this.#tell({ id, phase, version, ...(code !== undefined && { code }) });
  }

  offered({ id, manifest }: UpdateOfferFrame): void {
    this.#offers += 1;
    this.#host.step({ id, phase: 'offer' });
    if (id === this.#download?.id || id === this.#switching) return; // a repetition
    if (this.#switching !== undefined) return this.#refuse(id, 'busy');
    this.lost(); // a newer offer replaces a download under way
    if (this.#host.releaseKeys.length === 0) return this.#refuse(id, 'unknown_key');
    const fault = this.#faultOf(manifest);
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'refuses') return this.#refuse(id, fault.code);
    try {
      this.#accept(id, this.#judge(manifest), fault);
    } catch (error) {
      if (!(error instanceof UpdateError)) throw error;
      this.#refuse(id, error.code);
    }
  }

  /** A binary frame; false when this door has no use for any. */
  block(frame: Uint8Array): boolean {
    if (this.#host.releaseKeys.length === 0) return false;
    const download = this.#download;
    const before = download?.slot.written ?? 0;
    if (download?.block(frame) === true) this.#bytes += download.slot.written - before;
    else this.#strays += 1;
    return true;
  }

  // --- what a download tells (DownloadOwner)

  send(frame: DoorUpdateFrame): void {
    this.#host.send(frame);
    const { id, phase } = frame;
    if (phase === 'get') return;
    this.#host.step({
      id,
      phase,
      ...('percent' in frame && { percent: frame.percent }),
      ...('offset' in frame && { offset: frame.offset }),
    });
  }

  complete(download: Download): void {
    this.lost();
    if (!download.slot.matches()) return this.fail(download, 'hash_mismatch');
    this.#switching = download.id;
    this.#switch(download).catch((error: unknown) => {
      this.#host.fault(error);
      this.#switching = undefined;
      this.fail(download, 'write_failed');
    });
  }

  fail({ id, claims }: Download, code: UpdateCode): void {
    this.lost();
    this.#slot = undefined;
    this.#host.send({ t: 'update', id, phase: 'failed', code });
    this.#tell({ id, phase: 'failed', version: claims.version, code });
  }

  giveUp(download: Download): void {
    if (this.#download === download) this.lost();
  }

  goOffline(forMs: number | undefined): void {
    if (forMs !== undefined) this.#awayUntil = this.#time.monotonic() + forMs;
    this.#host.cutOff();
  }

  // --- inside

  #judge(manifest: string): ReleaseClaims {
    const { releaseKeys } = this.#host;
    return judgeManifest(manifest, {
      releaseKeys,
      memory: this.#memory,
      now: this.#host.now(),
      slotBytes: this.#options.slotBytes ?? RELEASE_LIMITS.imageBytes,
    });
  }

  #faultOf(manifest: string): UpdateFault | undefined {
    try {
      return this.#options.fault?.(readManifest(manifest).claims);
    } catch (error) {
      if (error instanceof UpdateError) return undefined;
      throw error;
    }
  }

  #accept(id: string, claims: ReleaseClaims, fault: UpdateFault | undefined): void {
    if (this.#slot?.holds(claims) !== true) this.#slot = new UpdateSlot(claims, this.#options.keepImage ?? false);
    const { paceMs = 0, patienceMs = PATIENCE_MS } = this.#options;
    this.#download = new Download(this, this.#time, { id, claims, slot: this.#slot, fault, paceMs, patienceMs });
    this.#host.event({ phase: 'downloading', version: claims.version });
    this.#download.start();
  }

  /** The slot is switched before `rebooting` is said: a power cut from there on starts the new image. */
  async #switch({ id, claims, fault }: Download): Promise<void> {
    this.send({ t: 'update', id, phase: 'verified' });
    const bad: BadImage | undefined =
      fault?.kind === 'boot_fails' || fault?.kind === 'never_welcomed' ? fault.kind : undefined;
    const lie: UpdateMemory = { ...this.#memory, report: { id, version: claims.version, phase: 'confirmed' } };
    const next = fault?.kind === 'lies' ? lie : switched(this.#memory, id, claims, bad);
    const before = this.#memory;
    this.#memory = next;
    try {
      await this.#host.persist(next);
    } catch (error) {
      this.#memory = before;
      throw error;
    }
    if (this.#switching !== id) return; // the power went meanwhile: it starts, or has started, from what was stored
    this.#slot = this.#options.keepImage === true ? this.#slot : undefined;
    this.send({ t: 'update', id, phase: 'rebooting' });
    if (this.#switching === id) this.#host.restart();
  }

  #refuse(id: string, code: UpdateCode): void {
    this.#host.send({ t: 'update', id, phase: 'refuse', code });
    this.#host.step({ id, phase: 'refuse', code });
  }

  /** An end of an update: the owner's signal, and the event of protocol 5.4. */
  #tell(step: UpdateStep & { readonly version: string }): void {
    const { phase, version, code } = step;
    this.#host.step(step);
    this.#host.event({ phase, version, ...(code !== undefined && { code }) });
  }

  /** For changes nobody waits for. */
  #remember(memory: UpdateMemory): void {
    if (memory === this.#memory) return;
    this.#memory = memory;
    void Promise.resolve(this.#host.persist(memory)).catch((error: unknown) => this.#host.fault(error));
  }
}
