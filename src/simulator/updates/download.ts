/** One download over one connection: asks for blocks, four at a time, and writes them in order (protocol 12.4). */
import { RELEASE_LIMITS, type ReleaseClaims, type UpdateCode } from '../../protocol/release.js';
import { decodeChunk, type DoorUpdateFrame } from '../../protocol/update-frames.js';
import type { Cancel, TimeSource } from '../ambient.js';
import type { UpdateFault } from './options.js';
import type { UpdateSlot } from './slot.js';

export interface DownloadOwner {
  send(frame: DoorUpdateFrame): void;
  /** Every byte is in the slot. */
  complete(download: Download): void;
  fail(download: Download, code: UpdateCode): void;
  /** No byte came for too long. */
  giveUp(download: Download): void;
  goOffline(forMs: number | undefined): void;
}

export interface DownloadSettings {
  readonly id: string;
  readonly claims: ReleaseClaims;
  readonly slot: UpdateSlot;
  readonly fault: UpdateFault | undefined;
  readonly paceMs: number;
  readonly patienceMs: number;
}

const PROGRESS_MS = 1000;

export class Download {
  readonly id: string;
  readonly claims: ReleaseClaims;
  readonly slot: UpdateSlot;
  readonly fault: UpdateFault | undefined;
  readonly #owner: DownloadOwner;
  readonly #time: TimeSource;
  readonly #settings: DownloadSettings;
  /** Blocks asked for, by offset; those that came before their turn wait here with their bytes. */
  readonly #asked = new Map<number, Uint8Array | undefined>();
  readonly #resumedAt: number;
  #next: number;
  #progressAt = -Infinity;
  #heardAt: number;
  #patience: Cancel | undefined;
  #pace: Cancel | undefined;
  #ended = false;

  constructor(owner: DownloadOwner, time: TimeSource, settings: DownloadSettings) {
    this.#owner = owner;
    this.#time = time;
    this.#settings = settings;
    this.id = settings.id;
    this.claims = settings.claims;
    this.slot = settings.slot;
    this.fault = settings.fault;
    this.#next = this.#resumedAt = settings.slot.written;
    this.#heardAt = time.monotonic();
  }

  /** Accepts, and asks for the first blocks. */
  start(): void {
    this.#owner.send({ t: 'update', id: this.id, phase: 'accept', offset: this.slot.written });
    if (this.slot.complete) return this.#owner.complete(this);
    this.#watch(this.#settings.patienceMs);
    this.#fill();
  }

  /** No more frames and timers; the slot keeps what it has. */
  stop(): void {
    this.#ended = true;
    this.#patience?.();
    this.#pace?.();
  }

  /** Takes a binary frame; false when it is no block that is due. */
  block(frame: Uint8Array): boolean {
    const chunk = decodeChunk(frame);
    if (chunk === undefined || !this.#asked.has(chunk.offset) || this.#asked.get(chunk.offset) !== undefined)
      return false;
    if (chunk.bytes.length !== this.#lengthAt(chunk.offset)) {
      this.#owner.fail(this, 'size_mismatch');
      return true;
    }
    this.#heardAt = this.#time.monotonic();
    // The frame's memory belongs to the socket; in order, which is the rule, nothing is kept.
    this.#asked.set(chunk.offset, chunk.offset === this.slot.written ? chunk.bytes : chunk.bytes.slice());
    this.#write();
    return true;
  }

  #write(): void {
    for (
      let bytes = this.#asked.get(this.slot.written);
      bytes !== undefined && !this.#ended;
      bytes = this.#asked.get(this.slot.written)
    ) {
      if (this.#reached('write_fails')) return this.#owner.fail(this, 'write_failed');
      this.#asked.delete(this.slot.written);
      this.slot.append(this.fault?.kind === 'flips_byte' && this.slot.written === 0 ? flipped(bytes) : bytes);
    }
    if (this.slot.complete) return this.#owner.complete(this);
    this.#progress();
    if (this.fault?.kind === 'goes_offline' && this.#resumedAt === 0 && this.#reached('goes_offline'))
      return this.#owner.goOffline(this.fault.forMs);
    this.#fill();
  }

  #fill(): void {
    if (this.#ended || this.#pace !== undefined) return;
    if (this.#settings.paceMs === 0) {
      while (this.#canAsk()) this.#ask();
    } else if (this.#canAsk()) {
      this.#pace = this.#time.after(this.#settings.paceMs, () => {
        this.#pace = undefined;
        this.#ask();
        this.#fill();
      });
    }
  }

  #canAsk(): boolean {
    return this.#next < this.slot.size && this.#asked.size < RELEASE_LIMITS.outstandingGets && !this.#reached('stalls');
  }

  #ask(): void {
    const length = this.#lengthAt(this.#next);
    this.#asked.set(this.#next, undefined);
    this.#owner.send({ t: 'update', id: this.id, phase: 'get', offset: this.#next, length });
    this.#next += length;
  }

  #lengthAt(offset: number): number {
    return Math.min(RELEASE_LIMITS.chunkBytes, this.slot.size - offset);
  }

  #progress(): void {
    const now = this.#time.monotonic();
    if (now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    this.#owner.send({ t: 'update', id: this.id, phase: 'downloading', percent: Math.floor(this.#percent()) });
  }

  #percent(): number {
    return (this.slot.written * 100) / this.slot.size;
  }

  #reached(kind: 'stalls' | 'goes_offline' | 'write_fails'): boolean {
    return this.fault?.kind === kind && this.#percent() >= this.fault.atPercent;
  }

  /** One timer, set again for what is left of the time: one per block would cost a fleet more than the blocks. */
  #watch(ms: number): void {
    this.#patience = this.#time.after(ms, () => {
      const leftMs = this.#heardAt + this.#settings.patienceMs - this.#time.monotonic();
      if (leftMs > 0) this.#watch(leftMs);
      else this.#owner.giveUp(this);
    });
  }
}

function flipped(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed[0] = (changed[0] ?? 0) ^ 1;
  return changed;
}
