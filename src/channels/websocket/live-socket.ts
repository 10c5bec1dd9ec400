import type { Duplex } from 'node:stream';

import type { WebSocket } from 'ws';

import type { Cancel, Clock } from '../../clock.js';
import { CLOSE, type CloseReason } from '../../protocol/close-codes.js';

/** How long the other side may take to answer a close frame. */
const CLOSE_WAIT_MS = 2000;
/** With more unread than this, a socket is not read from until its peer has caught up. */
export const SEND_BUFFER_BYTES = 64 * 1024;
/** With more than this it is ended at once. */
const SEND_BUFFER_MAX_BYTES = 1024 * 1024;
/** A peer that has not caught up by then never reads. */
export const SLOW_READER_MS = 5_000;
/** How often a socket whose peer is behind is looked at. */
const SLOW_CHECK_MS = 10;

/** One WebSocket with the bounds every socket of ours has: a reader that never reads is cut off, a close is never waited for long. */
export class LiveSocket {
  readonly #ws: WebSocket;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  #corked = false;
  #closing = false;
  #looking = false;
  #slow: Cancel | undefined;

  /** `stream`: what `ws` writes to; frames of one turn of the event loop go out in one write. */
  constructor(ws: WebSocket, stream: Duplex, clock: Clock) {
    this.#ws = ws;
    this.#stream = stream;
    this.#clock = clock;
    // Protocol violations (1002, 1007, 1009) are closed by ws itself; without a listener they would end the process.
    ws.on('error', () => undefined);
    ws.once('close', () => this.#slow?.());
  }

  onText(listener: (text: string) => void): void {
    this.#ws.on('message', (data, isBinary) => {
      if (this.#closing) return;
      if (isBinary || !Buffer.isBuffer(data)) this.close('protocol_error');
      else listener(data.toString('utf8'));
    });
  }

  onClosed(listener: (code: number) => void): void {
    this.#ws.once('close', listener);
  }

  onPong(listener: () => void): void {
    this.#ws.on('pong', listener);
  }

  ping(): void {
    if (this.open) this.#ws.ping();
  }

  get open(): boolean {
    return !this.#closing && this.#ws.readyState === this.#ws.OPEN;
  }

  /** Writes one text frame; false when nothing was written. A socket with too much unread is ended. */
  send(text: string): boolean {
    return this.#write(text);
  }

  /** As `send`, a binary frame. */
  sendBinary(frame: Uint8Array): boolean {
    return this.#write(frame);
  }

  /** Nothing is read until `resume`: what the peer sends meanwhile waits on its side. */
  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    if (!this.#closing && this.#slow === undefined) this.#ws.resume();
  }

  /** True while more is unread than a peer that keeps up leaves. */
  get behind(): boolean {
    return this.#ws.bufferedAmount > SEND_BUFFER_BYTES;
  }

  #write(data: string | Uint8Array): boolean {
    if (!this.open) return false;
    if (this.#ws.bufferedAmount > SEND_BUFFER_MAX_BYTES) {
      this.terminate();
      return false;
    }
    this.#gather();
    if (typeof data === 'string') this.#stream.write(textFrame(data));
    else this.#ws.send(data);
    if (this.#ws.bufferedAmount > SEND_BUFFER_BYTES) this.#lookAgain();
    return true;
  }

  close(name: CloseReason): void {
    if (this.#closing) return;
    this.#closing = true;
    const giveUp = this.#clock.after(CLOSE_WAIT_MS, () => this.#ws.terminate());
    this.#ws.once('close', giveUp);
    const { code, reason } = CLOSE[name];
    this.#ws.close(code, reason);
    // Whoever floods is not listened to while the close goes out: what it still sends would cost as much as before.
    if (name === 'rate_limited') this.#ws.pause();
  }

  terminate(): void {
    this.#closing = true;
    this.#ws.terminate();
  }

  /** A system call and a TLS record for every turn instead of every frame. */
  #gather(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#stream.cork();
    setImmediate(() => {
      this.#corked = false;
      this.#stream.uncork();
    });
  }

  /** Many answers written in one turn of the event loop look like a peer that does not read: only the next turn tells. */
  #lookAgain(): void {
    if (this.#looking || this.#slow !== undefined) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      if (this.open && this.#ws.bufferedAmount > SEND_BUFFER_BYTES) this.#waitForReader();
    });
  }

  /** The peer gets some seconds to catch up, in which nothing is read from it, so that no further answers pile up. */
  #waitForReader(): void {
    this.#ws.pause();
    let checksLeft = SLOW_READER_MS / SLOW_CHECK_MS;
    this.#slow = this.#clock.every(SLOW_CHECK_MS, () => {
      checksLeft -= 1;
      if (this.#ws.bufferedAmount <= SEND_BUFFER_BYTES) {
        this.#slow?.();
        this.#slow = undefined;
        this.#ws.resume();
      } else if (checksLeft <= 0) {
        this.terminate();
      }
    });
  }
}

const TEXT_WHOLE = 0x81;
/** Lengths that say that the real one follows, in two and in eight bytes. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * A text frame as a server sends it (RFC 6455 5.2: whole, without mask or extension), in one buffer: `ws` hands the stream two pieces
 * for each frame, which costs half a microsecond more. Everything else about the socket is left to `ws`; both write at once, so that the order stays.
 */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < LENGTH_16 ? 2 : length < 0x10000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = TEXT_WHOLE;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, head);
  return frame;
}
