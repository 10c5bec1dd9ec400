import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import {
  clientFrameText,
  doorFrameText,
  readClientFrame,
  readClientFrameStrictly,
  readDoorFrame,
  readDoorFrameStrictly,
} from '../../../src/channels/websocket/frames.js';
import { COMMAND_STATES, type ClientEventFrame } from '../../../src/protocol/client-frames.js';
import type { RelayFrame } from '../../../src/protocol/door-frames.js';
import { LIMITS } from '../../../src/protocol/limits.js';
import { fixture } from '../../protocol/fixtures.js';
import { COMMAND, compareFrames, ID, isTaken, KEEPALIVE, RESULTS } from '../../support/reader-comparisons.js';
import { choices, compareReaders, SEED, withoutJson } from '../../support/spellings.js';

describe('frames and their usual spelling', () => {
  it(`are read as strictly in every other spelling (seed ${SEED})`, () => compareFrames(4000));

  it('are read alike at the limits of their lengths', () => {
    const commands = [0, 1, 64, 65].flatMap((ref) =>
      [0, 1, 2, 3, 64, 65].flatMap((door) =>
        [0, 1, LIMITS.jweChars, LIMITS.jweChars + 1].map((jwe) =>
          JSON.stringify({ t: 'command', ref: 'r'.repeat(ref), door: 'd'.repeat(door), jwe: 'j'.repeat(jwe) }),
        ),
      ),
    );
    const results = [0, 1, LIMITS.receiptChars, LIMITS.receiptChars + 1].map((receipt) =>
      JSON.stringify({ t: 'result', id: ID, status: 200, receipt: 'r'.repeat(receipt) }),
    );
    const printable = Array.from(
      { length: 256 },
      (_, code) => `{"t":"command","ref":"${String.fromCharCode(code)}","door":"abc","jwe":"x"}`,
    );
    const lastOfId = Array.from(
      { length: 128 },
      (_, code) => `{"t":"result","id":"${ID.slice(0, -1)}${String.fromCharCode(code)}","status":200}`,
    );
    const client = compareReaders<object | undefined>(
      [...commands, ...printable],
      readClientFrame,
      readClientFrameStrictly,
      isTaken,
    );
    const door = compareReaders<object | undefined>(
      [...results, ...lastOfId],
      readDoorFrame,
      readDoorFrameStrictly,
      isTaken,
    );
    expect(client.taken).to.equal(2 * 2 * 3 + (95 - 2) + 129);
    expect(door.taken).to.equal(3 + 16);
  });

  it('are read alike in every vector of the protocol', () => {
    const { doorToRelay, clientToRelay } =
      fixture<Record<'doorToRelay' | 'clientToRelay', Record<'valid' | 'invalid', string[]>>>('frames.json');
    const doorTexts = [...doorToRelay.valid, ...doorToRelay.invalid];
    const clientTexts = [...clientToRelay.valid, ...clientToRelay.invalid];
    expect(
      compareReaders<object | undefined>(doorTexts, readDoorFrame, readDoorFrameStrictly, isTaken).taken,
    ).to.be.at.least(doorToRelay.valid.length);
    expect(
      compareReaders<object | undefined>(clientTexts, readClientFrame, readClientFrameStrictly, isTaken).taken,
    ).to.equal(clientToRelay.valid.length);
  });

  it('are read without parsing JSON', () => {
    withoutJson(() => {
      for (const text of [...RESULTS, KEEPALIVE]) expect(readDoorFrame(text), text).to.not.equal(undefined);
      expect(readClientFrame(COMMAND).t).to.equal('command');
      expect(readClientFrame(`${COMMAND} `).t).to.equal('unreadable');
    });
  });
});

describe('the text of a frame', () => {
  const below = choices(SEED);
  const pick = <T>(values: readonly [T, ...T[]]): T => values[below(values.length)] ?? values[0];
  const strange = (): string =>
    pick(['a"b', 'a\\b', '\u0000', '\u2028', 'é', '\ud800', '😀', ' ', '', '</script>', '\u007f']);
  const plain = (): string => randomBytes(below(600)).toString('base64url');
  const text = (): string => (below(3) === 0 ? plain() + strange() + plain() : plain());
  const number = (): number => pick([0, -0, 0.1, 1e21, 12.3, 1.8e12, 1_800_000_000_000 + below(1e9), below(1e6) / 10]);

  it(`is what JSON.stringify writes (seed ${SEED})`, () => {
    let templates = 0;
    for (let round = 0; round < 3000; round += 1) {
      const toDoor = pick<RelayFrame>([
        { t: 'command', id: text(), jwe: text(), deadline: number() },
        { t: 'keepalive', time: number() },
        { t: 'challenge', id: text() },
      ]);
      const receipt = below(2) === 0 ? {} : { receipt: text() };
      const result: ClientEventFrame = {
        ...{ t: 'result', ref: text(), commandId: text(), state: pick(COMMAND_STATES), status: pick([200, 400]) },
        ...{ latencyMs: number(), ...receipt },
      };
      const toClient = pick<ClientEventFrame>([result, result, { t: 'ok', ref: text() }]);
      expect(doorFrameText(toDoor)).to.equal(JSON.stringify(toDoor));
      expect(clientFrameText(toClient)).to.equal(JSON.stringify(toClient));
      if (toClient === result && !/[^\w.-]/.test(result.commandId)) templates += 1;
    }
    expect(templates).to.be.within(500, 2500);
  });
});
