/** One door socket, from the upgrade to its end (protocol 4.6, 5). */
import type { WebSocket } from 'ws';

import { CLOSE, type CloseReason } from '../protocol/close-codes.js';
import { relayFrameSchema, type DoorFrame, type HelloFrame } from '../protocol/door-frames.js';
import { LIMITS } from '../protocol/limits.js';
import type { UpdateOfferFrame } from '../protocol/update-frames.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';
import type { Cancel, RandomSource, TimeSource } from './ambient.js';
import { messageOf, refusalOf, type Refusal } from './registration.js';
import { readAnswer } from './transport.js';

const WELCOME_TIMEOUT_MS = 10_000;

export interface WelcomeFrame {
  readonly epoch: number;
  /** Unix ms by the relay. */
  readonly time: number;
  readonly keepAliveSeconds: number;
}

export interface CommandFrame {
  readonly id: string;
  readonly jwe: string;
  /** Unix ms by the relay. */
  readonly deadline: number;
}

/** What the connection hands up. */
export interface ConnectionOwner {
  readonly doorId: string;
  hello(): HelloFrame;
  /** Commands may come from here on. */
  welcomed(frame: WelcomeFrame): void;
  relayTime(unixMs: number): void;
  command(frame: CommandFrame): void;
  statusAsked(id: string): void;
  challengeAsked(id: string): void;
  updateOffered(frame: UpdateOfferFrame): void;
  /** A binary frame (protocol 12.4); false when no door that trusts no release key could have asked for one. */
  updateBlock(frame: Uint8Array): boolean;
}

export type ConnectionEnd =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'closed'; readonly code: number; readonly wasLive: boolean; readonly liveMs: number };

export class DoorConnection {
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: WebSocket;
  readonly #owner: ConnectionOwner;
  readonly #time: TimeSource;
  readonly #random: RandomSource;
  #highestEpoch = 0;
  #liveSince: number | undefined;
  #missed = 0;
  #timer: Cancel | undefined;
  #ownCode: number | undefined;
  #finish!: (end: ConnectionEnd) => void;

  constructor(socket: WebSocket, owner: ConnectionOwner, time: TimeSource, random: RandomSource) {
    this.#socket = socket;
    this.#owner = owner;
    this.#time = time;
    this.#random = random;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#listen();
  }

  get live(): boolean {
    return this.#liveSince !== undefined && this.#socket.readyState === this.#socket.OPEN;
  }

  /** Hands a frame to the socket; `lost` is called when it certainly did not leave. */
  send(frame: DoorFrame, lost?: () => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      lost?.();
      return;
    }
    this.#socket.send(JSON.stringify(frame), (error) => {
      if (error !== undefined && error !== null) lost?.();
    });
  }

  /** Closes in order; cut off after a second if the relay does not answer. */
  close(name: CloseReason): void {
    if (this.#ownCode !== undefined) return;
    this.#ownCode = CLOSE[name].code;
    this.#socket.close(CLOSE[name].code, CLOSE[name].reason);
    this.#timer?.();
    this.#timer = this.#time.after(1000, () => this.#socket.terminate());
  }

  /** Pulls the plug: no closing handshake. */
  kill(): void {
    this.#socket.terminate();
  }

  #listen(): void {
    const socket = this.#socket;
    let problem: string | undefined;
    socket.on('unexpected-response', (request, response) => {
      readAnswer(response)
        .then((answer) => this.#end({ kind: 'refused', refusal: refusalOf(answer) }))
        .catch((error: unknown) => this.#end(unanswered(messageOf(error))))
        .finally(() => request.destroy());
    });
    socket.on('open', () => {
      const hello = this.#owner.hello();
      this.#highestEpoch = hello.epoch;
      this.send(hello);
      this.#timer = this.#time.after(WELCOME_TIMEOUT_MS, () => this.close('protocol_error'));
    });
    socket.on('message', (data, isBinary) => {
      if (!isBinary) return this.#receive(data as Buffer);
      if (this.#ownCode !== undefined) return;
      if (this.#liveSince === undefined || !this.#owner.updateBlock(data as Buffer)) this.close('protocol_error');
    });
    socket.on('error', (error) => {
      problem = messageOf(error);
    });
    socket.on('close', (code) => {
      if (problem !== undefined && this.#liveSince === undefined) {
        this.#end(unanswered(problem));
      } else {
        this.#end({
          kind: 'closed',
          code: this.#ownCode ?? code,
          wasLive: this.#liveSince !== undefined,
          liveMs: this.#liveMs(),
        });
      }
    });
  }

  #receive(data: Buffer): void {
    if (this.#ownCode !== undefined) return;
    let json: unknown;
    try {
      json = parseStrictJson(decodeUtf8(data));
    } catch (error) {
      if (!(error instanceof StrictJsonError)) throw error;
      return this.close('protocol_error');
    }
    const parsed = relayFrameSchema.safeParse(json);
    if (!parsed.success) {
      // A newer relay may have frames this door does not know; a known one that is malformed is an error.
      if (!isUnknownKind(json)) this.close('protocol_error');
      return;
    }
    const frame = parsed.data;
    if (frame.t === 'welcome') return this.#welcome(frame);
    if (this.#liveSince === undefined) return this.close('protocol_error');
    switch (frame.t) {
      case 'keepalive':
        this.#missed = 0;
        return this.#owner.relayTime(frame.time);
      case 'command':
        return this.#owner.command(frame);
      case 'status':
        return this.#owner.statusAsked(frame.id);
      case 'challenge':
        return this.#owner.challengeAsked(frame.id);
      case 'update':
        return this.#owner.updateOffered(frame);
    }
  }

  #welcome(frame: WelcomeFrame & { readonly door: string }): void {
    // An epoch that does not grow means another relay's record, or a replay of an old welcome; one that jumps would leave
    // no room above it for any honest relay (protocol 5.1).
    const growth = frame.epoch - this.#highestEpoch;
    const goodEpoch = growth > 0 && growth <= LIMITS.epochJump;
    if (this.#liveSince !== undefined || frame.door !== this.#owner.doorId || !goodEpoch)
      return this.close('protocol_error');
    this.#timer?.();
    this.#liveSince = this.#time.monotonic();
    const everyMs = frame.keepAliveSeconds * 1000;
    // The first beat comes at a random point of the interval, so that a fleet that came back together does not beat together.
    this.#timer = this.#time.after(everyMs * this.#random.fraction(), () => this.#beat(everyMs));
    this.#owner.welcomed(frame);
  }

  #beat(everyMs: number): void {
    if (this.#missed >= LIMITS.keepAlivesMissed) {
      this.#ownCode = CLOSE.keep_alive_timeout.code;
      return this.kill();
    }
    this.#missed += 1;
    this.send({ t: 'keepalive' });
    this.#timer = this.#time.after(everyMs, () => this.#beat(everyMs));
  }

  #liveMs(): number {
    return this.#liveSince === undefined ? 0 : this.#time.monotonic() - this.#liveSince;
  }

  #end(end: ConnectionEnd): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#finish(end);
  }
}

function unanswered(detail: string): ConnectionEnd {
  return { kind: 'refused', refusal: { status: 0, code: undefined, detail, retryAfterMs: undefined } };
}

const KNOWN = new Set(['welcome', 'command', 'status', 'challenge', 'keepalive', 'update']);

function isUnknownKind(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 't' in json && typeof json.t === 'string' && !KNOWN.has(json.t);
}
