import type { WebSocket } from 'ws';

import { CLOSE, type CloseName } from '../protocol/close-codes.js';
import { LIMITS } from '../protocol/limits.js';

/** How long the other side may take to answer a close frame. */
const CLOSE_WAIT_MS = 2000;

/** One WebSocket with the bounds every socket of ours has: a reader that never reads is cut off, a close is never waited for long. */
export class LiveSocket {
  readonly #ws: WebSocket;
  #closing = false;

  constructor(ws: WebSocket) {
    this.#ws = ws;
    // Protocol violations (1002, 1007, 1009) are closed by ws itself; without a listener they would end the process.
    ws.on('error', () => undefined);
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

  /** Writes one frame; false when nothing was written. A socket with too much unread is ended. */
  send(frame: object): boolean {
    if (!this.open) return false;
    if (this.#ws.bufferedAmount > LIMITS.sendBufferBytes) {
      this.#closing = true;
      this.#ws.terminate();
      return false;
    }
    this.#ws.send(JSON.stringify(frame));
    return true;
  }

  close(name: CloseName): void {
    if (this.#closing) return;
    this.#closing = true;
    const { code, reason } = CLOSE[name];
    this.#ws.close(code, reason);
    const timer = setTimeout(() => this.#ws.terminate(), CLOSE_WAIT_MS);
    this.#ws.once('close', () => clearTimeout(timer));
  }

  terminate(): void {
    this.#closing = true;
    this.#ws.terminate();
  }
}
