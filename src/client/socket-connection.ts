import { CLIENT_BEARER_PREFIX, CLIENT_SUBPROTOCOL } from '../protocol/client-frames.js';
import type { WebSocketConstructor, WebSocketLike } from './ambient.js';

export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectionOptions {
  /** `wss://…/v1/socket` */
  readonly url: string;
  readonly accessToken: string;
  readonly WebSocket: WebSocketConstructor;
  readonly onText: (text: string) => void;
}

const NO_CLOSE_FRAME = 1006;
const OPEN = 1;

/**
 * One WebSocket from its opening to its end. The token goes in as the second subprotocol (protocol 7.7), because a browser
 * cannot set headers there; only `openlock.client.v1` is ever selected.
 */
export class SocketConnection {
  readonly #socket: WebSocketLike;
  /** Resolves when open with the right subprotocol; stays pending when it never opens (see {@link ended}). */
  readonly opened: Promise<void>;
  /** Resolves when the socket has ended, or was given up. Never rejects. */
  readonly ended: Promise<ConnectionEnd>;
  #end: (end: ConnectionEnd) => void = () => undefined;

  constructor(options: ConnectionOptions) {
    this.#socket = new options.WebSocket(options.url, [
      CLIENT_SUBPROTOCOL,
      `${CLIENT_BEARER_PREFIX}${options.accessToken}`,
    ]);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.opened = new Promise((resolve) => {
      this.#socket.onopen = () => {
        if (this.#socket.protocol === CLIENT_SUBPROTOCOL) resolve();
        else this.giveUp(4000, 'the relay selected no subprotocol');
      };
    });
    this.#socket.onmessage = (event: { readonly data: unknown }) => {
      if (typeof event.data === 'string') options.onText(event.data);
    };
    // The close event that follows says all there is to say.
    this.#socket.onerror = () => undefined;
    this.#socket.onclose = (event: { readonly code?: number; readonly reason?: string }) => {
      this.#end({ code: event.code ?? NO_CLOSE_FRAME, reason: event.reason ?? '' });
    };
  }

  /** False when the socket is not open. */
  send(text: string): boolean {
    if (this.#socket.readyState !== OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** Ends it from this side at once, without waiting for a peer that may be gone. */
  giveUp(code: number, reason: string): void {
    this.#end({ code, reason });
    this.#socket.onmessage = null;
    try {
      this.#socket.close(code, reason);
    } catch {
      // A socket that is not open yet, or no longer, may refuse; it is ended either way.
    }
  }
}
