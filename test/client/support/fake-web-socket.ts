import type { WebSocketConstructor, WebSocketLike } from '../../../src/client/ambient.js';

/** A WebSocket a test opens, feeds and closes by hand. */
export class FakeWebSocket implements WebSocketLike {
  readyState = 0;
  protocol = '';
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 2;
  }

  // --- what the test does

  open(protocol = 'openlock.client.v1'): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  receive(frame: object | string): void {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) } as never);
  }

  end(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason } as never);
  }

  /** Answers the last frame of the type with `ok`. */
  ok(type: string): void {
    const frame = this.sent.findLast(({ t }) => t === type);
    this.receive({ t: 'ok', ref: frame?.['ref'] });
  }
}

/** A constructor that remembers what it made. */
export function fakeWebSockets(): { readonly made: FakeWebSocket[]; readonly WebSocket: WebSocketConstructor } {
  const made: FakeWebSocket[] = [];
  class Recorded extends FakeWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      made.push(this);
    }
  }
  return { made, WebSocket: Recorded };
}
