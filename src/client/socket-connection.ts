import { CLIENT_BEARER_PREFIX, CLIENT_SUBPROTOCOL } from '../protocol/client-frames.js';
import { CLOSE } from '../protocol/close-codes.js';
import { LIMITS } from '../protocol/limits.js';
import type { WebSocketConstructor, WebSocketLike } from './ambient.js';

export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
  /** What the platform's error event carried, if it carries anything: browsers tell nothing. */
  readonly failure?: unknown;
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
    this.#socket = new options.WebSocket(
      options.url,
      [CLIENT_SUBPROTOCOL, `${CLIENT_BEARER_PREFIX}${options.accessToken}`],
      { maxPayload: LIMITS.clientFrameBytes },
    );
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
      const { data } = event;
      if (isTooLong(data)) this.giveUp(CLOSE.protocol_error.code, 'a frame longer than 16 KiB');
      else if (typeof data === 'string') options.onText(data);
    };
    // The close event that follows says the rest.
    let failure: unknown;
    this.#socket.onerror = (event: { readonly error?: unknown }) => {
      failure = event.error;
    };
    this.#socket.onclose = (event: { readonly code?: number; readonly reason?: string }) => {
      this.#end({ code: event.code ?? NO_CLOSE_FRAME, reason: event.reason ?? '', failure });
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

/** Characters are counted where bytes are not known; a character has one byte at least. */
function isTooLong(data: unknown): boolean {
  if (typeof data === 'string') return data.length > LIMITS.clientFrameBytes;
  const { byteLength, size } = data as { readonly byteLength?: number; readonly size?: number };
  return (byteLength ?? size ?? 0) > LIMITS.clientFrameBytes;
}
