import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { FirmwareImage } from '../../src/updates/image-cache.js';
import { UpdateTransfer, type TransferEvent } from '../../src/updates/update-transfer.js';
import { decodeChunk, type DoorUpdateFrame } from '../../src/protocol/update-frames.js';

const SIZE = 3 * 4096 + 777;
const bytes = randomBytes(SIZE);
const image = new FirmwareImage(bytes);

type Say = {
  [P in DoorUpdateFrame['phase']]: Omit<Extract<DoorUpdateFrame, { phase: P }>, 't' | 'id'>;
}[DoorUpdateFrame['phase']];

interface Bench {
  readonly transfer: UpdateTransfer;
  readonly sent: Uint8Array[];
  readonly say: (frame: Say) => TransferEvent;
}

function bench(phase: 'offered' | 'rebooting' = 'offered', open = true): Bench {
  const sent: Uint8Array[] = [];
  const link = {
    doorId: 'door-1',
    conn: 'c1',
    behind: false,
    send: () => true,
    close: () => undefined,
    sendBytes: (frame: Uint8Array) => {
      if (open) sent.push(frame);
      return open;
    },
  };
  const transfer = new UpdateTransfer(link, { rolloutId: 'r-1', update: 'u1', sha256: 'x', size: SIZE }, phase);
  return { transfer, sent, say: (frame) => transfer.onFrame({ t: 'update', id: 'u1', ...frame }) };
}

const accept: Say = { phase: 'accept', offset: 0 };
const get = (offset: number, length = 4096): Say => ({ phase: 'get', offset, length });

describe('one update on one connection (protocol 12.4)', () => {
  it('sends exactly the bytes asked for, in the order asked', () => {
    const { transfer, sent, say } = bench();
    expect(say(accept)).to.deep.equal({ kind: 'step', to: 'downloading' });
    for (const offset of [0, 8192, 4096]) expect(say(get(offset))).to.deep.equal({ kind: 'hungry' });
    expect(transfer.hungry, 'the image is not here yet').to.equal(false);
    transfer.provide(image);
    while (transfer.hungry) expect(transfer.serve()).to.equal(4096);
    const chunks = sent.map((frame) => decodeChunk(frame));
    expect(chunks.map((chunk) => chunk?.offset)).to.deep.equal([0, 8192, 4096]);
    for (const chunk of chunks)
      expect(
        Buffer.from(chunk?.bytes ?? []).equals(bytes.subarray(chunk?.offset, (chunk?.offset ?? 0) + 4096)),
      ).to.equal(true);
  });

  it('gives the rest where the image ends', () => {
    const { transfer, sent, say } = bench();
    say(accept);
    transfer.provide(image);
    say(get(3 * 4096));
    expect(transfer.serve()).to.equal(777);
    expect(sent[0]).to.have.length(4 + 777);
    say(get(SIZE - 1, 1));
    expect(transfer.serve()).to.equal(1);
  });

  it('calls it a violation to ask before accepting, for a fifth block, past the end, or after it was verified', () => {
    expect(bench().say(get(0)).kind, 'before').to.equal('violation');
    expect(bench('rebooting').say(get(0)).kind, 'while it restarts').to.equal('violation');
    const { say } = bench();
    say(accept);
    expect(say(get(SIZE)).kind, 'past the end').to.equal('violation');
    for (let index = 0; index < 4; index += 1) expect(say(get(index * 4096)).kind).to.equal('hungry');
    expect(say(get(0)).kind, 'a fifth').to.equal('violation');
    const done = bench();
    done.say(accept);
    done.say({ phase: 'verified' });
    expect(done.say(get(0)).kind, 'after').to.equal('violation');
  });

  it('calls it a violation to ask for the image more than twice over', () => {
    const { transfer, say } = bench();
    say(accept);
    transfer.provide(image);
    let asked = 0;
    while (say(get(0)).kind === 'hungry') {
      asked += 4096;
      transfer.serve();
    }
    expect(asked).to.be.within(2 * SIZE, 2 * SIZE + 4 * 4096);
  });

  it('takes a resume anywhere in the image, and nowhere past it', () => {
    expect(bench().say({ phase: 'accept', offset: SIZE })).to.deep.equal({ kind: 'step', to: 'downloading' });
    expect(bench().say({ phase: 'accept', offset: SIZE + 1 }).kind).to.equal('violation');
  });

  it('makes a busy door wait, and takes any other refusal for an answer', () => {
    expect(bench().say({ phase: 'refuse', code: 'busy' })).to.deep.equal({ kind: 'step', to: 'waiting', code: 'busy' });
    expect(bench().say({ phase: 'refuse', code: 'wrong_board' })).to.deep.equal({
      kind: 'step',
      to: 'refused',
      code: 'wrong_board',
    });
    expect(bench().say({ phase: 'refuse', code: 'of_a_newer_door' })).to.deep.equal({
      kind: 'step',
      to: 'refused',
      code: 'of_a_newer_door',
    });
  });

  it('never counts a success because the door says so', () => {
    for (const phase of ['offered', 'rebooting'] as const)
      expect(bench(phase).say({ phase: 'confirmed' }).kind).to.equal('nothing');
    const { say } = bench();
    say(accept);
    expect(say({ phase: 'confirmed' }).kind).to.equal('nothing');
  });

  it('goes verified, rebooting, and not before it accepted', () => {
    expect(bench().say({ phase: 'verified' }).kind).to.equal('violation');
    expect(bench().say({ phase: 'rebooting' }).kind).to.equal('violation');
    const { say, transfer } = bench();
    say(accept);
    expect(say({ phase: 'verified' })).to.deep.equal({ kind: 'step', to: 'verified' });
    expect(say({ phase: 'rebooting' })).to.deep.equal({ kind: 'step', to: 'rebooting' });
    expect(transfer.rebooting).to.equal(true);
  });

  it('passes on how it ended', () => {
    expect(bench('rebooting').say({ phase: 'rolled_back', code: 'boot_failed' })).to.deep.equal({
      kind: 'step',
      to: 'rolled_back',
      code: 'boot_failed',
    });
    const { say } = bench();
    say(accept);
    expect(say({ phase: 'failed', code: 'hash_mismatch' })).to.deep.equal({
      kind: 'step',
      to: 'failed',
      code: 'hash_mismatch',
    });
  });

  it('sends not a byte and listens to nothing once it is over', () => {
    const { transfer, sent, say } = bench();
    say(accept);
    transfer.provide(image);
    say(get(0));
    transfer.end();
    expect(transfer.hungry).to.equal(false);
    expect(transfer.serve()).to.equal(0);
    expect(sent).to.deep.equal([]);
    for (const frame of [get(0), accept, { phase: 'verified' }, { phase: 'failed', code: 'x' }] as const)
      expect(say(frame).kind).to.equal('nothing');
  });

  it('tells its progress once, and nothing while there is none', () => {
    const { transfer, say } = bench();
    say(accept);
    transfer.provide(image);
    transfer.takeProgress();
    expect(transfer.takeProgress()).to.equal(undefined);
    say(get(0));
    transfer.serve();
    expect(transfer.takeProgress()).to.deep.equal({ bytes: 4096, percent: Math.floor((4096 * 100) / SIZE) });
    expect(transfer.takeProgress()).to.equal(undefined);
  });

  it('counts no bytes that a closed socket did not take', () => {
    const { transfer, say } = bench('offered', false);
    say(accept);
    transfer.provide(image);
    say(get(0));
    expect(transfer.serve()).to.equal(0);
  });
});
