/** Power cuts at any moment of a door's life: booting, making its key, enrolling, writing settings, rotating its key, opening. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import { call } from '../../../support/site.js';
import { seal } from '../../../simulator/support/seal.js';
import { HostDoor, PASSWORD, type StateDir } from './host-door.js';
import type { Scene } from './scene.js';

/** Some of what writes to the state directory, and what moves the bolt. */
const COMMANDS = [
  { act: 'unlock', params: { holdMs: 0 } },
  { act: 'unlock', params: { holdMs: 40 } },
  { act: 'configure', params: { autoRelockMs: 4000 } },
  { act: 'configure', params: { doorPassword: PASSWORD, failSafeAfterMs: 60_000 } },
  { act: 'rotate_key', params: {} },
  { act: 'restart', params: {} },
  { act: 'lock', params: {} },
] as const;

export interface Tally {
  cuts: number;
  /** Cuts before the relay had welcomed the door. */
  early: number;
  /** Commands that were answered before the cut. */
  answered: number;
  opened: number;
}

/** A door that is cut off its power over and over, and never replaced. */
export class UnluckyDoor {
  readonly tally: Tally = { cuts: 0, early: 0, answered: 0, opened: 0 };

  constructor(
    readonly scene: Scene,
    readonly doorId: string,
    readonly state: StateDir,
    readonly enrolmentToken: string,
  ) {}

  /** One life from power-on to the cut, `lifeMs` later at the latest once it is live. */
  async live(earlyCutMs: number | undefined): Promise<void> {
    const door = await this.#boot();
    const commands = new AbortController();
    let sent: Promise<unknown> = Promise.resolve();
    try {
      if (earlyCutMs !== undefined) await delay(earlyCutMs);
      else {
        await door.live(0, 60_000);
        this.#assertNeverOpened(door);
        sent = this.#commandsUntil(commands.signal);
        await delay(randomInt(5, 250));
      }
    } finally {
      await door.kill();
      commands.abort();
    }
    if (earlyCutMs !== undefined) this.#assertNeverOpened(door);
    if (!door.lines.some((line) => line['state'] === 'live')) this.tally.early += 1;
    this.tally.cuts += 1;
    this.tally.opened += door.pin.filter((active) => active).length;
    // What was under way is settled before the next life, so that nothing but the restart itself could open the door then.
    await sent;
  }

  /** After all that: it starts, is locked, has the key the relay knows it by, and obeys. */
  async stillWorks(): Promise<void> {
    const door = await this.#boot();
    await door.live(0, 60_000);
    await door.line({ t: 'key' });
    this.#assertNeverOpened(door);
    const { status, code } = await this.#send('unlock', { holdMs: 0 });
    expect([status, code], JSON.stringify(door.lines.slice(-10))).to.deep.equal([200, 'ok']);
    expect(door.pin).to.deep.equal([false, true]);
    expect(await door.stop()).to.equal(0);
  }

  #boot(): Promise<HostDoor> {
    const { scene, doorId, state, enrolmentToken } = this;
    return HostDoor.start({ doorId, state, server: scene.cable.origin, ca: scene.relay.ca, enrolmentToken });
  }

  #assertNeverOpened(door: HostDoor): void {
    expect(
      door.pin.every((active) => !active),
      `opened by a restart: ${JSON.stringify(door.lines)}`,
    ).to.equal(true);
    expect(door.lines.some((line) => line.t === 'lock' && line['reported'] !== 'locked')).to.equal(false);
    expect(door.complaints, 'the state directory must start').to.equal('');
  }

  async #commandsUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { act, params } = COMMANDS[randomInt(COMMANDS.length)] ?? COMMANDS[0];
      const { code } = await this.#send(act, params);
      if (code === 'ok') this.tally.answered += 1;
    }
  }

  /** Through the real relay, under the key it serves at this moment. */
  async #send(
    act: string,
    params: Record<string, unknown>,
  ): Promise<{ readonly status: number; readonly code: string }> {
    const { scene, doorId } = this;
    const token = scene.site.accessToken;
    const key = await call(scene.relay, 'GET', `/v1/doors/${doorId}/key`, { token });
    const sealed = seal({
      publicPem: String(key.body['publicKey']),
      kid: String(key.body['kid']),
      door: doorId,
      password: PASSWORD,
      act,
      params,
    });
    const { status, body } = await call(scene.relay, 'POST', `/v1/doors/${doorId}/commands`, {
      token,
      body: { jwe: sealed.jwe },
    });
    const receipt = body['receipt'];
    return { status, code: typeof receipt === 'string' ? sealed.open(receipt).code : String(body['code']) };
  }
}

/** `cuts` of them, spread over doors of at most `cutsPerDoor`; every door begins as new and is cut while it enrols, too. */
export async function cutPower(scene: Scene, cuts: number, cutsPerDoor: number): Promise<Tally> {
  const total: Tally = { cuts: 0, early: 0, answered: 0, opened: 0 };
  for (let made = 0; total.cuts < cuts; made += 1) {
    const doorId = `unlucky-${made}`;
    const state = scene.newState();
    const door = new UnluckyDoor(scene, doorId, state, await scene.addDoor(doorId));
    const lives = Math.min(cutsPerDoor, cuts - total.cuts);
    for (let life = 0; life < lives; life += 1) {
      // The first lives end early, before the key is made or the token used; later ones half the time.
      const early = life < 3 || randomInt(2) === 0;
      await door.live(early ? randomInt(1, life < 3 ? 400 : 200) : undefined);
    }
    await door.stillWorks();
    for (const name of ['cuts', 'early', 'answered', 'opened'] as const) total[name] += door.tally[name];
  }
  return total;
}
