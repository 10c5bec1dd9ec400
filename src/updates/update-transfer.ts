/** One update on one connection (protocol 12.4): what the door may say next, and the blocks it waits for. */
import type { DoorLink } from '../doors/door-link.js';
import { RELEASE_LIMITS } from '../protocol/release.js';
import type { DoorUpdateFrame } from '../protocol/update-frames.js';
import type { DoorUpdateState } from '../protocol/update-frames.js';
import type { ChunkTaker } from './chunk-pump.js';
import type { FirmwareImage } from './image-cache.js';

export interface TransferUpdate {
  readonly rolloutId: string;
  readonly update: string;
  readonly sha256: string;
  readonly size: number;
}

/** What a frame of the door amounts to. */
export type TransferEvent =
  | { readonly kind: 'step'; readonly to: DoorUpdateState; readonly code?: string | undefined }
  /** The door waits for a block. */
  | { readonly kind: 'hungry' }
  | { readonly kind: 'nothing' }
  /** Against the protocol: the socket is closed with 4004. */
  | { readonly kind: 'violation' };

const NOTHING: TransferEvent = { kind: 'nothing' };
const VIOLATION: TransferEvent = { kind: 'violation' };

interface Get {
  readonly offset: number;
  readonly length: number;
}

export class UpdateTransfer implements ChunkTaker {
  readonly link: DoorLink;
  readonly update: TransferUpdate;
  readonly #gets: Get[] = [];
  /** Set once the image is in memory: the whole relay shares one copy. */
  #image: FirmwareImage | undefined;
  #phase: 'offered' | 'downloading' | 'verified' | 'rebooting' | 'over';
  #sentTo = 0;
  /** Bytes the door may still ask for: twice what it lacks. One that asks for more goes round in circles. */
  #mayAsk = 0;
  /** Bytes sent since they were last reported. */
  #unreported = 0;
  #reportedPercent = -1;

  constructor(link: DoorLink, update: TransferUpdate, phase: 'offered' | 'rebooting') {
    this.link = link;
    this.update = update;
    this.#phase = phase;
  }

  get hungry(): boolean {
    return this.#image !== undefined && this.#gets.length > 0 && this.#phase === 'downloading';
  }

  get behind(): boolean {
    return this.link.behind;
  }

  get downloading(): boolean {
    return this.#phase === 'downloading';
  }

  /** True while the door has restarted, or says it will, and what it became is not known yet. */
  get rebooting(): boolean {
    return this.#phase === 'rebooting';
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  provide(image: FirmwareImage): void {
    this.#image = image;
  }

  /** Nothing of it is sent any more: it ended, was taken back, or a newer one was offered. */
  end(): void {
    this.#phase = 'over';
    this.#gets.length = 0;
    this.#image = undefined;
  }

  serve(): number {
    const get = this.#gets.shift();
    if (get === undefined || this.#image === undefined) return 0;
    if (!this.link.sendBytes(this.#image.frame(get.offset, get.length))) return 0;
    const end = Math.min(get.offset + get.length, this.update.size);
    this.#sentTo = Math.max(this.#sentTo, end);
    this.#unreported += end - get.offset;
    return end - get.offset;
  }

  /** Bytes and percent since the last call; `undefined` when there is nothing new. */
  takeProgress(): { readonly bytes: number; readonly percent: number } | undefined {
    const percent = Math.floor((this.#sentTo * 100) / this.update.size);
    if (this.#unreported === 0 && percent === this.#reportedPercent) return undefined;
    const bytes = this.#unreported;
    this.#unreported = 0;
    this.#reportedPercent = percent;
    return { bytes, percent };
  }

  onFrame(frame: DoorUpdateFrame): TransferEvent {
    if (this.#phase === 'over') return NOTHING;
    switch (frame.phase) {
      case 'accept':
        return this.#accept(frame.offset);
      case 'get':
        return this.#get(frame);
      case 'refuse':
        if (this.#phase !== 'offered') return NOTHING;
        return frame.code === 'busy'
          ? { kind: 'step', to: 'waiting', code: frame.code }
          : { kind: 'step', to: 'refused', code: frame.code };
      case 'downloading':
      case 'confirmed': // counted when the door registers from the new image (protocol 12.6), not because it says so
        return NOTHING;
      case 'verified':
      case 'rebooting':
        return this.#forward(frame.phase);
      case 'rolled_back':
      case 'failed':
        return { kind: 'step', to: frame.phase, code: frame.code };
    }
  }

  #accept(offset: number): TransferEvent {
    if (this.#phase !== 'offered') return NOTHING;
    if (offset > this.update.size) return VIOLATION;
    this.#phase = 'downloading';
    this.#sentTo = offset;
    this.#mayAsk = 2 * (this.update.size - offset) + RELEASE_LIMITS.outstandingGets * RELEASE_LIMITS.chunkBytes;
    return { kind: 'step', to: 'downloading' };
  }

  #get({ offset, length }: Get): TransferEvent {
    const tooMany = this.#gets.length >= RELEASE_LIMITS.outstandingGets;
    if (this.#phase !== 'downloading' || tooMany || offset >= this.update.size || length > this.#mayAsk)
      return VIOLATION;
    this.#mayAsk -= length;
    this.#gets.push({ offset, length });
    return { kind: 'hungry' };
  }

  #forward(to: 'verified' | 'rebooting'): TransferEvent {
    // Said before anything was accepted, it would be about another update.
    if (this.#phase === 'offered') return VIOLATION;
    this.#phase = to;
    return { kind: 'step', to };
  }
}
