import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../../../support/counting.js';
import { liveDoor, type RawBlock, type RawKey, type RawSocket } from '../../../support/raw-door.js';
import type { TestRelay } from '../../../support/relay.js';

type Frame = Record<string, unknown>;

/** A door whose every update frame the test writes itself. */
export class RawUpdateDoor {
  private constructor(
    readonly doorId: string,
    readonly socket: RawSocket,
  ) {}

  static async live(
    relay: TestRelay,
    doorId: string,
    key: RawKey,
    firmware: object,
    enrolmentToken?: string,
  ): Promise<RawUpdateDoor> {
    return new RawUpdateDoor(doorId, await liveDoor(relay, doorId, key, enrolmentToken, firmware));
  }

  get offers(): readonly Frame[] {
    return this.socket.log.flatMap((entry) =>
      'frame' in entry && entry.frame['phase'] === 'offer' ? [entry.frame] : [],
    );
  }

  get blocks(): readonly RawBlock[] {
    return this.socket.log.flatMap((entry) => ('block' in entry ? [entry.block] : []));
  }

  /** Blocks that came after the offer with this id, none of which may belong to an older update. */
  blocksAfterOffer(id: string): readonly RawBlock[] {
    const at = this.socket.log.findIndex(
      (entry) => 'frame' in entry && entry.frame['id'] === id && entry.frame['phase'] === 'offer',
    );
    return this.socket.log.slice(at + 1).flatMap((entry) => ('block' in entry ? [entry.block] : []));
  }

  /** The id of the next offer, past or future; `after` so many others. */
  async offer(after = 0): Promise<string> {
    await until(() => this.offers.length > after, 15_000);
    return String(this.offers[after]?.['id']);
  }

  say(id: string, phase: string, more: Frame = {}): void {
    this.socket.send({ t: 'update', id, phase, ...more });
  }

  async accept(offset = 0): Promise<string> {
    const id = await this.offer();
    this.say(id, 'accept', { offset });
    return id;
  }

  /** Downloads in order, `outstanding` at a time; returns what came. */
  async download(id: string, size: number, outstanding = 4): Promise<Buffer> {
    const lengthAt = (offset: number): number => Math.min(4096, size - offset);
    const first = this.blocks.length;
    let asked = 0;
    for (let got = 0; got * 4096 < size; got += 1) {
      while (asked < size && asked / 4096 < got + outstanding) {
        this.say(id, 'get', { offset: asked, length: lengthAt(asked) });
        asked += lengthAt(asked);
      }
      await until(() => this.blocks.length > first + got, 10_000);
    }
    return Buffer.concat(this.blocks.slice(first).map(({ bytes }) => bytes));
  }

  /** True while the relay answers on this socket. */
  async answers(): Promise<boolean> {
    const seen = this.socket.log.length;
    this.socket.send({ t: 'keepalive' });
    const answered = until(() =>
      this.socket.log.slice(seen).some((entry) => 'frame' in entry && entry.frame['t'] === 'keepalive'),
    ).then(() => true);
    return Promise.race([answered.catch(() => false), this.socket.closed.then(() => false)]);
  }

  /** Resolves with the close code, or `undefined` when the socket is still open after a while. */
  async closeCode(limitMs = 5000): Promise<number | undefined> {
    return Promise.race([this.socket.closed, sleep(limitMs, undefined, { ref: false })]);
  }

  close(): void {
    this.socket.ws.terminate();
  }
}
