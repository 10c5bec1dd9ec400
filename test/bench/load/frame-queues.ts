/**
 * Commands made ready, by groups of doors. A sender owns some groups and takes from them in turn, so that no door ever has
 * more commands in flight than senders share its group (protocol 6.5 allows four).
 */
import type { Frame } from './wire.js';

export class FrameQueues {
  readonly #groups: Frame[][];
  readonly #cursors: number[] = [];
  #left = 0;

  constructor(groups: number) {
    this.#groups = Array.from({ length: groups }, () => []);
  }

  get left(): number {
    return this.#left;
  }

  add(doorIndex: number, frame: Frame): void {
    this.#groups[doorIndex % this.#groups.length]?.push(frame);
    this.#left += 1;
  }

  /** The next command for sender `sender` of `senders`; `undefined` when its groups are empty. */
  take(sender: number, senders: number): Frame | undefined {
    const stride = Math.min(senders, this.#groups.length);
    const first = sender % stride;
    const owned = Math.ceil((this.#groups.length - first) / stride);
    const start = this.#cursors[sender] ?? 0;
    for (let step = 0; step < owned; step += 1) {
      const turn = (start + step) % owned;
      const frame = this.#groups[first + turn * stride]?.pop();
      if (frame === undefined) continue;
      this.#cursors[sender] = turn + 1;
      this.#left -= 1;
      return frame;
    }
    return undefined;
  }
}
