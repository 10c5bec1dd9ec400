/** Processes of one host without processes: what one reports the others hear, a while later. */
import { AddressLimiter } from '../../src/gate/address-limiter.js';
import { Places } from '../../src/gate/places.js';
import { HostShare, type ShareReport } from '../../src/host/host-share.js';
import type { FakeClock } from '../support/fake-clock.js';

export interface TestProcess {
  readonly share: HostShare;
  readonly limiter: AddressLimiter;
  readonly places: Places;
}

/** Shares that hear each other at once; `sent`: every report in order, `hold`: reports are not taken until it is called off. */
export class TestHost {
  readonly sent: { readonly from: number; readonly report: ShareReport }[] = [];
  readonly processes: TestProcess[] = [];
  readonly #waiting: (() => void)[] = [];
  isHeld = false;

  constructor(
    readonly clock: FakeClock,
    readonly limits: { readonly rate: number; readonly places: number },
  ) {}

  add(): TestProcess {
    const { clock, limits, processes } = this;
    const from = processes.length;
    const share = new HostShare({ clock, send: (report) => this.#send(from, report) });
    const limiter = new AddressLimiter({
      ...{ clock, ratePerSecond: limits.rate, random: { bytes: (length) => Buffer.alloc(length) } },
      peers: {
        hashKey: Buffer.alloc(8, 7),
        taken: share.taken('requests', limits.rate),
        sustained: share.taken('sustained', 1),
        patienceMs: from * 250,
      },
    });
    const places = new Places(limits.places, share.held('places', limits.places));
    const added = { share, limiter, places };
    for (const other of processes) other.share.greet();
    processes.push(added);
    return added;
  }

  remove(process: TestProcess): void {
    const index = this.processes.indexOf(process);
    process.share.stop();
    for (const other of this.processes) other.share.forget(index);
  }

  release(): void {
    this.isHeld = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #send(from: number, report: ShareReport): Promise<void> {
    if (this.isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.sent.push({ from, report });
    for (const [index, { share }] of this.processes.entries()) if (index !== from) share.hear(from, report);
  }
}
