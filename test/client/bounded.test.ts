import { getEventListeners } from 'node:events';

import { expect } from 'chai';

import { bounded, pause } from '../../src/client/bounded.js';
import { failure } from './support/errors.js';
import { FakeClock } from '../support/fake-clock.js';

const never = (): Promise<never> => new Promise(() => undefined);

describe('bounded waiting', () => {
  const clock = new FakeClock();
  const late = (): Error => new RangeError('late');

  afterEach(() => expect(clock.pending).to.equal(0));

  it('hands the result on', async () => {
    expect(await bounded({ clock, timeoutMs: 10, late }, () => Promise.resolve(5))).to.equal(5);
  });

  it('ends in time even if the act does not listen, and tells it', async () => {
    let told: AbortSignal | undefined;
    const failed = failure(
      bounded({ clock, timeoutMs: 10, late }, (signal) => {
        told = signal;
        return never();
      }),
      RangeError,
    );
    await clock.advance(10);
    expect((await failed).message).to.equal('late');
    expect(told?.aborted).to.equal(true);
  });

  it("ends with the caller's reason, and does not begin when that is given already", async () => {
    const controller = new AbortController();
    const failed = failure(bounded({ clock, timeoutMs: 10, late, signal: controller.signal }, never), TypeError);
    controller.abort(new TypeError('mine'));
    expect((await failed).message).to.equal('mine');
    let begun = false;
    await failure(
      bounded({ clock, timeoutMs: 10, late, signal: controller.signal }, () => ((begun = true), never())),
      TypeError,
    );
    expect(begun).to.equal(false);
  });

  it('makes an error of a reason that is none', async () => {
    const controller = new AbortController();
    const failed = failure(bounded({ clock, timeoutMs: 10, late, signal: controller.signal }, never), Error);
    controller.abort('just so');
    expect((await failed).cause).to.equal('just so');
  });

  it('pauses for a time or until it is aborted', async () => {
    const controller = new AbortController();
    const done = pause(clock, 5, controller.signal);
    await clock.advance(5);
    await done;
    const failed = failure(pause(clock, 5, controller.signal), TypeError);
    controller.abort(new TypeError('mine'));
    await failed;
    await failure(pause(clock, 5, controller.signal), TypeError);
  });

  it('leaves no listener on a signal that lives on', async () => {
    const controller = new AbortController();
    for (let at = 0; at < 3; at += 1) {
      const done = pause(clock, 5, controller.signal);
      await clock.advance(5);
      await done;
      await bounded({ clock, timeoutMs: 10, late, signal: controller.signal }, () => Promise.resolve());
    }
    expect(getEventListeners(controller.signal, 'abort')).to.have.lengthOf(0);
  });
});
