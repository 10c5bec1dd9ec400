/**
 * What the SDK takes from its surroundings, as the smallest shapes a browser, Node and a test all have. Nothing here
 * names Node.
 */

export type MaybePromise<T> = T | Promise<T>;

export interface ClientClock {
  /** Unix milliseconds. A door refuses commands made more than 60 s from its own time. */
  now(): number;
  /** Milliseconds for durations: nobody sets this one. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`; the result cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface ClientRandom {
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** Uniform in [0, 1); spreads reconnections. */
  fraction(): number;
}

/** What the SDK passes to `fetch`. */
export interface FetchInit {
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** `follow` with `mode` only: the answer cannot be read then. */
  readonly redirect: 'error' | 'follow';
  /** Asks a browser whether there is anybody at all, without reading what it says. */
  readonly mode?: 'no-cors';
  readonly credentials: 'omit';
  readonly cache: 'no-store';
  readonly referrerPolicy: 'no-referrer';
}

/** What the SDK reads of a `Response`. */
export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Read piece by piece, so that an answer that is too long can be given up. */
  readonly body: ByteStream | null;
}

/** The part of a `ReadableStream` that is used. */
export interface ByteStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<unknown>;
  };
}

export type FetchLike = (url: string, init: FetchInit) => Promise<FetchAnswer>;

/** The part of a WebSocket the SDK uses; the browser's, Node's and that of the package `ws` all fit. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly protocol: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** `options` is for the package `ws`, which otherwise takes frames of 100 MiB; a browser ignores it. */
export type WebSocketConstructor = new (
  url: string,
  protocols: string[],
  options: { readonly maxPayload: number },
) => WebSocketLike;

export const systemClock: ClientClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

export const systemRandom: ClientRandom = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  fraction: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 0x1_0000_0000,
};
