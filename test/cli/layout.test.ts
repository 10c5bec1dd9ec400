import { expect } from 'chai';
import stringWidth from 'string-width';

import { Printer, styled } from '../../src/cli/support/printer.js';
import { testIo } from './support/cli.js';

const SITE = ['site_zotvhlt2kNriAKjPeDwpZw', 'https://booking.example', 'owner@booking.example', 'ok', '2026-11-24'];
const HEAD = ['SITE', 'ORIGIN', { title: 'E-MAIL', atLeast: 8 }, 'STATE', 'SINCE'];

describe('what is printed on a terminal', () => {
  const terminal = (columns: number, print: (printer: Printer) => void): readonly string[] => {
    const io = testIo({ isTTY: true, environment: { NO_COLOR: '1' } });
    Object.assign(io.stdout, { columns });
    Object.assign(io.stderr, { columns });
    print(new Printer(io, false));
    return (io.stdout.text + io.stderr.text).trimEnd().split('\n');
  };

  it('cuts columns that may be cut until a table fits, and says where', () => {
    const lines = terminal(90, (print) => print.table(HEAD, [SITE]));
    expect(lines).to.have.length(2);
    expect(lines[1]).to.equal(
      'site_zotvhlt2kNriAKjPeDwpZw  https://booking.example  owner@booking.ex…  ok     2026-11-24',
    );
    for (const line of lines) expect(stringWidth(line)).to.be.at.most(90);
  });

  it('makes a block of each row where nothing more may be cut, with nothing missing', () => {
    const lines = terminal(60, (print) => print.table(HEAD, [SITE, SITE]));
    expect(lines.slice(0, 6)).to.deep.equal([
      'SITE    site_zotvhlt2kNriAKjPeDwpZw',
      'ORIGIN  https://booking.example',
      'E-MAIL  owner@booking.example',
      'STATE   ok',
      'SINCE   2026-11-24',
      '',
    ]);
    for (const line of lines) expect(stringWidth(line)).to.be.at.most(60);
  });

  it('leaves a table alone where nobody looks at it: what is cut cannot be piped on', () => {
    const io = testIo();
    new Printer(io, false).table(HEAD, [SITE]);
    expect(io.stdout.text).to.contain('owner@booking.example');
  });

  it('aligns columns by the width of what is shown', () => {
    const lines = terminal(80, (print) =>
      print.table(
        ['DOOR', 'STATE'],
        [
          ['玄関', 'x'],
          ['🚪 b', 'y'],
          ['plain', 'z'],
        ],
      ),
    );
    expect(lines.map((line) => stringWidth(line))).to.deep.equal([12, 8, 8, 8]);
  });

  it('breaks long lines between words, and leaves long words whole', () => {
    const kid = 'rj2tP0X1'.repeat(6);
    const lines = terminal(40, (print) =>
      print.line('the key is ', styled('bold', kid), ' and nobody else has it, as far as is known'),
    );
    expect(lines).to.deep.equal(['the key is', `  ${kid}`, '  and nobody else has it, as far as is', '  known']);
    expect(terminal(40, (print) => print.note('error: ', 'a '.repeat(30))).every((line) => line.length <= 40)).to.equal(
      true,
    );
  });

  it('breaks no line in a pipe', () => {
    const io = testIo();
    new Printer(io, false).line('word '.repeat(50));
    expect(io.stdout.text.trimEnd()).to.not.contain('\n');
  });
});
