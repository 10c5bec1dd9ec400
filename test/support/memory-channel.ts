/** A channel that is no WebSocket: a door in this very process. What works through it needs nothing of `src/channels`. */
import type { DoorChannel, DoorChannelListener, ReceivedFrame } from '../../src/doors/door-link.js';
import type { CloseReason } from '../../src/protocol/close-codes.js';
import type { RelayFrame } from '../../src/protocol/door-frames.js';

export class MemoryChannel implements DoorChannel {
  readonly sent: RelayFrame[] = [];
  readonly blocks: Uint8Array[] = [];
  behind = false;
  /** Takes nothing any more, though nobody has noticed. */
  deaf = false;
  closedFor: CloseReason | 'terminated' | undefined;
  readonly #waiting: { readonly kind: string; readonly resolve: (frame: RelayFrame) => void }[] = [];
  #listener: DoorChannelListener | undefined;
  /** Resolves with the reason, once it is closed. */
  readonly closed: Promise<CloseReason | 'terminated'>;
  #end: (reason: CloseReason | 'terminated') => void = () => undefined;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  listen(listener: DoorChannelListener): void {
    this.#listener = listener;
  }

  send(frame: RelayFrame): boolean {
    if (this.closedFor !== undefined || this.deaf) return false;
    this.sent.push(frame);
    for (const waiter of this.#waiting.splice(0))
      if (waiter.kind === frame.t) waiter.resolve(frame);
      else this.#waiting.push(waiter);
    return true;
  }

  sendBytes(frame: Uint8Array): boolean {
    if (this.closedFor !== undefined || this.deaf) return false;
    this.blocks.push(frame);
    return true;
  }

  close(reason: CloseReason): void {
    this.#finish(reason);
  }

  terminate(): void {
    this.#finish('terminated');
  }

  /** The door says something; the answer of `expects`, as a channel with a budget would ask for it. */
  say(frame: ReceivedFrame): boolean {
    const expected = frame.t !== 'unknown' && this.#listener?.expects(frame) === true;
    this.#listener?.frame(frame);
    return expected;
  }

  /** The next frame of this kind that is sent from now on. */
  next<K extends RelayFrame['t']>(kind: K): Promise<Extract<RelayFrame, { t: K }>> {
    return new Promise((resolve) => {
      this.#waiting.push({ kind, resolve: (frame) => resolve(frame as Extract<RelayFrame, { t: K }>) });
    });
  }

  /** The door goes away; `word` is what a channel would call it. */
  hangUp(word = 'gone'): void {
    if (this.closedFor !== undefined) return;
    this.closedFor = 'terminated';
    this.#end('terminated');
    this.#listener?.closed(word);
  }

  #finish(reason: CloseReason | 'terminated'): void {
    if (this.closedFor !== undefined) return;
    this.closedFor = reason;
    this.#end(reason);
    this.#listener?.closed(reason);
  }
}
