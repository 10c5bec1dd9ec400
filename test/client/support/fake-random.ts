import type { ClientRandom } from '../../../src/client/ambient.js';

/** Random that is always the middle, or what is set. */
export class FakeRandom implements ClientRandom {
  next = 0.5;
  #count = 0;

  bytes(length: number): Uint8Array<ArrayBuffer> {
    this.#count += 1;
    return new Uint8Array(length).fill(this.#count % 256);
  }

  fraction(): number {
    return this.next;
  }
}
