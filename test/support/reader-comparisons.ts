/** The readers of frames and envelopes against their strict halves, over as many spellings as one wants. */
import { expect } from 'chai';

import {
  readClientFrame,
  readClientFrameStrictly,
  readDoorFrame,
  readDoorFrameStrictly,
} from '../../src/channels/websocket/frames.js';
import { parseCommandEnvelope, parseEnvelopeStrictly } from '../../src/protocol/envelope.js';
import { choices, compareReaders, everySmallEdit, manyEdits, SEED } from './spellings.js';

/** Frames and an envelope's header in the usual spelling. */
export const ID = 'AQUQ04f_QjuhuTUz_Fj627Xbd4anCJBg0CdZHgXAprc';
export const COMMAND = '{"t":"command","ref":"r.1","door":"front-door","jwe":"eyJh.bGci.T2-_"}';
export const RESULTS = [
  `{"t":"result","id":"${ID}","status":200,"receipt":"eyJh.bGci.T2-_"}`,
  `{"t":"result","id":"${ID}","status":400,"refusal":"credential"}`,
  `{"t":"result","id":"${ID}","status":400,"refusal":"credential","receipt":"eyJh"}`,
  `{"t":"result","id":"${ID}","status":200}`,
];
export const KEEPALIVE = '{"t":"keepalive"}';

/** `edits`: how many texts with several edits, besides every text with one. */
export function compareFrames(edits: number): void {
  const client = { read: readClientFrame, strictly: readClientFrameStrictly, texts: [COMMAND] };
  const door = { read: readDoorFrame, strictly: readDoorFrameStrictly, texts: [...RESULTS, KEEPALIVE] };
  for (const { read, strictly, texts } of [client, door]) {
    for (const [index, text] of texts.entries()) {
      const small = compareReaders<object | undefined>(everySmallEdit(text), read, strictly, isTaken);
      const many = manyEdits(text, edits, choices(SEED + index));
      const large = compareReaders<object | undefined>(many, read, strictly, isTaken);
      expect(small.texts).to.be.greaterThan(text.length * 10);
      // Neither nothing nor everything is a frame: the readers had something to disagree about.
      for (const { texts: all, taken } of [small, large]) expect(taken).to.be.within(2, all - 1);
    }
  }
}

export const isTaken = (frame: object | undefined): boolean =>
  frame !== undefined && 't' in frame && frame.t !== 'unreadable' && frame.t !== 'unknown';

const base64url = (bytes: number): string =>
  Buffer.from(Array.from({ length: bytes }, (_, index) => index * 37 + bytes)).toString('base64url');
const REST = ['', base64url(256), base64url(12), base64url(300), base64url(16)].join('.');
export const HEADER = JSON.stringify({
  ...{ alg: 'RSA-OAEP-256', enc: 'A256GCM', typ: 'openlock-command+jwe', kid: base64url(32), door: 'front-door' },
  ...{ scope: 'operate', iat: 1_800_000_000_000, jti: base64url(16) },
});
export const withHeader = (header: string, encoding: BufferEncoding = 'utf8'): string =>
  Buffer.from(header, encoding).toString('base64url') + REST;

/** As {@link compareFrames}. */
export function compareEnvelopes(edits: number): void {
  const compare = (texts: Iterable<string>) =>
    compareReaders(texts, parseCommandEnvelope, parseEnvelopeStrictly, ({ ok }) => ok);
  for (const encoding of ['utf8', 'latin1'] as const) {
    const headers = function* (texts: Iterable<string>): Generator<string> {
      for (const text of texts) yield withHeader(text, encoding);
    };
    const small = compare(headers(everySmallEdit(HEADER)));
    expect(small.taken).to.be.within(50, small.texts / 2);
    const large = compare(headers(manyEdits(HEADER, edits, choices(SEED))));
    expect(large.taken).to.be.within(1, large.texts / 2);
  }
  const jwe = withHeader(HEADER);
  const small = compare(everySmallEdit(jwe));
  expect(small.taken).to.be.within(50, small.texts / 2);
  compare(manyEdits(jwe, edits, choices(SEED + 1)));
}
