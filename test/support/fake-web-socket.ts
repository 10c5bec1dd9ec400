/** The server's end of a WebSocket, without a network: what `ws` gives `LiveSocket`. */
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';

import type { WebSocket } from 'ws';

import { LiveSocket } from '../../src/channels/websocket/live-socket.js';
import type { Clock } from '../../src/clock.js';

export class FakeWebSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: string[] = [];
  pings = 0;
  paused = false;
  terminated = false;
  /** Set when the relay closes it. */
  code: number | undefined;
  /** Whether the other side answers a close. */
  answersClose = true;

  send(data: string): void {
    this.sent.push(data);
  }

  ping(): void {
    this.pings += 1;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(code: number): void {
    this.code = code;
    this.readyState = 2;
    if (this.answersClose) this.emit('close', code);
  }

  terminate(): void {
    this.terminated = true;
    this.readyState = 3;
    this.emit('close', 1006);
  }

  /** As `LiveSocket` sees it. */
  live(clock: Clock): LiveSocket {
    return new LiveSocket(this as unknown as WebSocket, new PassThrough(), clock);
  }
}
