import { expect } from 'chai';

import { createLog, prettyLines, RepeatedTroubles } from '../src/log.js';
import { FakeClock } from './support/fake-clock.js';

describe('the log', () => {
  it('is JSON with an ISO time and the name of its level, without secrets', () => {
    let text = '';
    createLog('info', 'relay-1', { write: (line) => void (text += line) }).warn(
      { token: 's3cret', work: 'lease' },
      'work failed',
    );
    const line = JSON.parse(text) as Record<string, unknown>;
    expect(line).to.include({ level: 'warn', node: 'relay-1', work: 'lease', msg: 'work failed', token: '[redacted]' });
    expect(line['time']).to.match(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  });

  it('is for people on a terminal, and nothing in it acts there', () => {
    let text = '';
    const log = createLog('info', 'relay-1', prettyLines({ write: (line) => (text += line) }, false));
    log.warn({ err: new Error('from \u001b[2J outside \u202e \u009b31m'), name: 'a\u0007b' }, 'work \u001b[31m failed');
    log.info('back \\u001b slash');
    expect(text)
      .to.match(/WARN.*work .*failed/)
      .and.contain('outside');
    // eslint-disable-next-line no-control-regex
    expect(text).to.not.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).to.contain('\\u001b[31m').and.contain('back \\u001b slash');
  });
});

describe('the log of several processes on one terminal', () => {
  it('says which of them', () => {
    let text = '';
    createLog('info', 'relay-1-2', prettyLines({ write: (line) => (text += line) }, false, true)).info('all is well');
    expect(text).to.contain('relay-1-2: all is well');
  });
});

describe('a trouble that repeats', () => {
  it('is told once, then every half a minute with its number, and anew after a quiet one', async () => {
    const clock = new FakeClock();
    const troubles = new RepeatedTroubles(clock);
    const told: string[] = [];
    const report = (key: string): void => troubles.report(key, (unsaid) => told.push(`${key} ${unsaid}`));
    for (let n = 0; n < 100; n += 1) report('store');
    report('other');
    expect(told).to.deep.equal(['store 0', 'other 0']);
    await clock.advance(30_000);
    expect(told).to.deep.equal(['store 0', 'other 0', 'store 99']);
    report('store');
    await clock.advance(30_000);
    expect(told.at(-1)).to.equal('store 1');
    await clock.advance(30_000);
    report('store');
    expect(told.at(-1)).to.equal('store 0');
    report('store');
    troubles.stop();
    expect(told.at(-1)).to.equal('store 1');
  });
});
