import { expect } from 'chai';

import { KEEP_ALIVE_SECONDS } from '../../src/doors/live-door.js';
import { CLOSE, closeByCode } from '../../src/protocol/close-codes.js';
import { LIMITS } from '../../src/protocol/limits.js';

describe('close codes', () => {
  it('are those of protocol 5.6', () => {
    const codes = Object.values(CLOSE).map(({ code }) => code);
    expect(codes).to.deep.equal([1001, 1009, 1011, 4000, 4001, 4002, 4003, 4004, 4005, 4006]);
  });

  it('say what comes next', () => {
    expect(closeByCode(1001)?.next).to.equal('reconnect');
    expect(closeByCode(4001)?.next).to.equal('stop');
    expect(closeByCode(4002)?.next).to.equal('authenticate');
    expect(closeByCode(4003)?.next).to.equal('wait_hour');
    for (const code of [1000, 1006, 4007, 0]) expect(closeByCode(code)).to.equal(undefined);
  });

  it('have reasons that fit into a close frame', () => {
    for (const { reason } of Object.values(CLOSE)) expect(Buffer.byteLength(reason)).to.be.at.most(123);
  });
});

describe('limits', () => {
  it('take a silent door offline after three keep-alives (protocol 5.5)', () => {
    expect(KEEP_ALIVE_SECONDS * LIMITS.keepAlivesMissed).to.equal(30);
  });

  it('let the longest command and the longest result through every frame and body', () => {
    const command = JSON.stringify({
      t: 'command',
      ref: 'r'.repeat(64),
      door: 'd'.repeat(64),
      jwe: 'j'.repeat(LIMITS.jweChars),
    });
    const result = JSON.stringify({
      t: 'result',
      id: 'i'.repeat(43),
      status: 400,
      refusal: 'credential',
      receipt: 'r'.repeat(LIMITS.receiptChars),
    });
    expect(command.length).to.be.below(LIMITS.clientFrameBytes);
    expect(JSON.stringify({ jwe: 'j'.repeat(LIMITS.jweChars) }).length).to.be.below(LIMITS.bodyBytes);
    expect(result.length).to.be.below(LIMITS.doorFrameBytes);
  });
});
