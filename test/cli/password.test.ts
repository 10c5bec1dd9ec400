import { PassThrough, Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';

import { expect } from 'chai';

import { CommandFailure, UsageError } from '../../src/cli/support/failure.js';
import { readNewPassphrase, readPassword } from '../../src/cli/support/password.js';
import { Recorder } from './support/cli.js';

/** A keyboard: raw mode, and keys as they come. */
class Keyboard extends PassThrough {
  readonly isTTY = true;
  raw = false;
  setRawMode(on: boolean): this {
    this.raw = on;
    return this;
  }
  get stdin(): NodeJS.ReadStream {
    return this as unknown as NodeJS.ReadStream;
  }
}

const piped = (text: string) => ({
  stdin: Readable.from([Buffer.from(text)]) as unknown as NodeJS.ReadStream,
  stderr: new Recorder(),
});

async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('the door password', () => {
  it('is the first line of standard input, without its end', async () => {
    expect(await readPassword(piped('s3cret ü\n'), '?')).to.equal('s3cret ü');
    expect(await readPassword(piped('s3cret\r\nmore\n'), '?')).to.equal('s3cret');
    expect(await readPassword(piped(' with spaces '), '?')).to.equal(' with spaces ');
  });

  it('survives a character cut in two by the pipe', async () => {
    const bytes = Buffer.from('sésame\n');
    const stdin = Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]) as unknown as NodeJS.ReadStream;
    expect(await readPassword({ stdin, stderr: new Recorder() }, '?')).to.equal('sésame');
  });

  it('must be there, and of a sane length', async () => {
    expect(await failure(readPassword(piped(''), '?'))).to.be.instanceOf(UsageError);
    expect(await failure(readPassword(piped('\n'), '?'))).to.be.instanceOf(UsageError);
    expect(await failure(readPassword(piped('x'.repeat(5000)), '?'))).to.be.instanceOf(UsageError);
  });

  it('is asked for without an echo on a terminal', async () => {
    const keyboard = new Keyboard();
    const stderr = new Recorder(true);
    const asked = readPassword({ stdin: keyboard.stdin, stderr }, 'Password:');
    await stderr.until(/Password:/);
    expect(keyboard.raw).to.equal(true);
    for (const key of ['s', 'x', '\u007f', 'ecr', 'et ü', '\r']) keyboard.write(key);
    expect(await asked).to.equal('secret ü');
    expect(stripVTControlCharacters(stderr.text)).to.not.contain('secr').and.not.contain('*');
    expect(keyboard.raw).to.equal(false);
  });

  it('is given up by Ctrl-C, and by Ctrl-D', async () => {
    for (const key of ['se\u0003', '\u0004']) {
      const keyboard = new Keyboard();
      const stderr = new Recorder(true);
      const asked = failure(readPassword({ stdin: keyboard.stdin, stderr }, 'Password:'));
      await stderr.until(/Password:/);
      keyboard.write(key);
      expect(await asked).to.be.instanceOf(CommandFailure);
      expect(keyboard.raw).to.equal(false);
    }
  });
});

describe('the passphrase of a new key', () => {
  const typing = async (first: string, second: string): Promise<{ outcome: unknown; said: string }> => {
    const keyboard = new Keyboard();
    const stderr = new Recorder(true);
    const asked = readNewPassphrase({ stdin: keyboard.stdin, stderr }).catch((error: unknown) => error);
    await stderr.until(/new key:/);
    keyboard.write(`${first}\r`);
    await stderr.until(/again:/);
    keyboard.write(`${second}\r`);
    const outcome = await asked;
    expect(keyboard.raw).to.equal(false);
    return { outcome, said: stderr.text };
  };

  it('is typed twice, and not shown', async () => {
    const { outcome, said } = await typing('correct horse', 'correct horse');
    expect(outcome).to.equal('correct horse');
    expect(said).to.contain('new key:').and.not.contain('correct').and.not.contain('***');
  });

  it('must be the same both times', async () => {
    expect((await typing('correct horse', 'correct hose')).outcome).to.be.instanceOf(UsageError);
  });

  it('is one line where it is piped', async () => {
    expect(await readNewPassphrase(piped('correct horse\n'))).to.equal('correct horse');
    const refused = await failure(readNewPassphrase(piped('')));
    expect(refused).to.be.instanceOf(UsageError);
    expect(String(refused)).to.contain('passphrase');
  });
});
