/**
 * Commands made ready, by groups of doors. A sender owns some groups and takes from them in turn, so that no door ever has
 * more commands in flight than senders share its group (protocol 6.5 allows four).
 */
import type { Frame } from './wire.js';

export class FrameQueues {
  readonly #groups: Frame[][];
  readonly #reused: boolean;
  readonly #cursors: number[] = [];
  #left = 0;

  /** `reused`: a command that was taken comes again after all others of its group, so that they never run out. */
  constructor(groups: number, reused = false) {
    this.#reused = reused;
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
      const group = this.#groups[first + turn * stride];
      const frame = this.#reused ? group?.shift() : group?.pop();
      if (frame === undefined) continue;
      this.#cursors[sender] = turn + 1;
      if (this.#reused) group?.push(frame);
      else this.#left -= 1;
      return frame;
    }
    return undefined;
  }
}
