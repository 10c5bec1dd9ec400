/** A door's WebSocket (protocol 4.6, 5.2): text frames, parsed and kept within their budget, and the blocks of images. */
import type { Clock } from '../../clock.js';
import type { DoorChannel, DoorChannelListener } from '../../doors/door-link.js';
import type { CloseReason } from '../../protocol/close-codes.js';
import type { DoorFrame, RelayFrame } from '../../protocol/door-frames.js';
import { LIMITS } from '../../protocol/limits.js';
import { FrameBudget } from './frame-budget.js';
import { doorFrameText, readDoorFrame } from './frames.js';
import type { LiveSocket } from './live-socket.js';

/** Besides events (protocol 5.2): keep-alives, states and answers nobody waits for. */
const OTHER_FRAMES = { perSecond: 10, burst: 60 } as const;

export class WebSocketDoorChannel implements DoorChannel {
  readonly #socket: LiveSocket;
  readonly #events: FrameBudget;
  readonly #others: FrameBudget;

  constructor(socket: LiveSocket, clock: Clock) {
    this.#socket = socket;
    this.#events = new FrameBudget(clock, LIMITS.eventsPerSecond, LIMITS.eventsPerSecond * 2);
    this.#others = new FrameBudget(clock, OTHER_FRAMES.perSecond, OTHER_FRAMES.burst);
  }

  listen(listener: DoorChannelListener): void {
    this.#socket.onText((text) => this.#onText(text, listener));
    this.#socket.onClosed((code) => listener.closed(String(code)));
  }

  send(frame: RelayFrame): boolean {
    return this.#socket.send(doorFrameText(frame));
  }

  sendBytes(frame: Uint8Array): boolean {
    return this.#socket.sendBinary(frame);
  }

  get behind(): boolean {
    return this.#socket.behind;
  }

  close(reason: CloseReason): void {
    this.#socket.close(reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #onText(text: string, listener: DoorChannelListener): void {
    const frame = readDoorFrame(text);
    if (frame === undefined || (frame.t === 'unknown' && !this.#others.take())) this.close('protocol_error');
    else if (frame.t !== 'unknown' && !this.#affordable(frame, listener)) this.close('rate_limited');
    else listener.frame(frame);
  }

  #affordable(frame: DoorFrame, listener: DoorChannelListener): boolean {
    if (frame.t === 'event') return this.#events.take();
    return frame.t === 'hello' || listener.expects(frame) || this.#others.take();
  }
}
