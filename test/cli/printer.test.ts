import { expect } from 'chai';

import { Printer, styled } from '../../src/cli/support/printer.js';
import { testIo } from './support/cli.js';

describe('the printer', () => {
  it('colours on a terminal only, and not with NO_COLOR', () => {
    const text = (isTTY: boolean, environment = {}): string => {
      const io = testIo({ isTTY, environment });
      new Printer(io, false).line(styled('green', 'ok'), ' fine');
      return io.stdout.text;
    };
    expect(text(true)).to.equal('\u001b[32mok\u001b[0m fine\n');
    expect(text(false)).to.equal('ok fine\n');
    expect(text(true, { NO_COLOR: '1' })).to.equal('ok fine\n');
    expect(text(true, { TERM: 'dumb' })).to.equal('ok fine\n');
  });

  it('cleans every piece, coloured ones too', () => {
    const io = testIo({ isTTY: true });
    new Printer(io, false).line('a\u001b[1m', styled('red', 'b\u0007'));
    expect(io.stdout.text).to.equal('a\\x1b[1m\u001b[31mb\\x07\u001b[0m\n');
  });

  it('prints nothing but the value with --json', () => {
    const io = testIo();
    const print = new Printer(io, true);
    print.line('for people');
    print.table(['A'], [['b']]);
    print.value({ a: 1 });
    expect(io.stdout.text).to.equal('{"a":1}\n');
  });

  it('aligns columns by what is shown', () => {
    const io = testIo();
    new Printer(io, false).table(
      ['DOOR', 'STATE', 'KEY'],
      [
        ['front', styled('green', 'online'), 'k1'],
        ['b\u0007', 'x', 'k2'],
      ],
    );
    expect(io.stdout.text).to.equal('DOOR   STATE   KEY\nfront  online  k1\nb\\x07  x       k2\n');
  });
});
