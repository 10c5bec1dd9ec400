import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { expect } from 'chai';
import fc from 'fast-check';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

import { systemClock } from '../../src/clock.js';
import { loginMail } from '../../src/sites/login-mail.js';
import { Mailer, type MailerOptions } from '../../src/sites/mailer.js';
import { createCa } from './support/certificates.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { codeIn, random, scratch } from './support/harness.js';

const LOGIN = { email: 'owner@shop.example', origin: 'https://shop.example', code: '01234567', lifeSeconds: 900 };

describe('mail', () => {
  let place: ReturnType<typeof scratch>;
  let warnings: unknown[] = [];
  let failures = 0;
  const mailers: Mailer[] = [];

  beforeEach(() => {
    place = scratch();
    warnings = [];
    failures = 0;
  });
  afterEach(async () => {
    for (const mailer of mailers.splice(0)) await mailer.stop(0);
    place.remove();
  });

  function open(options: Partial<MailerOptions> = {}): Mailer {
    const mailer = new Mailer({
      mailUrl: undefined,
      mailFrom: 'OpenLock <locks@relay.example>',
      dataDir: place.dir,
      clock: systemClock,
      random,
      log: { warn: (...parts: unknown[]) => void warnings.push(parts) },
      onFailure: () => {
        failures += 1;
      },
      // Further attempts are the business of the tests that bring a clock.
      ...(options.clock === undefined && { retryDelaysMs: [] }),
      ...options,
    });
    mailers.push(mailer);
    return mailer;
  }

  describe('into files', () => {
    const filesIn = (dir: string): readonly string[] => readdirSync(dir).sort();

    it('goes to the outbox of the data directory, one file each, for the owner alone', async () => {
      const mailer = open();
      for (const code of ['11111111', '22222222', '33333333']) mailer.enqueue(loginMail({ ...LOGIN, code }));
      await mailer.idle();
      const outbox = join(place.dir, 'outbox');
      const files = filesIn(outbox);
      expect(files).to.have.length(3);
      for (const name of files) {
        expect(name).to.match(/^[0-9A-Za-z-]+\.eml$/);
        expect(statSync(join(outbox, name)).mode & 0o777).to.equal(0o600);
      }
      expect(statSync(outbox).mode & 0o777).to.equal(0o700);
      expect(files.map((name) => codeIn(readFileSync(join(outbox, name), 'utf8'))).sort()).to.deep.equal([
        '11111111',
        '22222222',
        '33333333',
      ]);
    });

    for (const form of ['file:', 'file://']) {
      it(`goes where ${form}<dir> says`, async () => {
        const mailer = open({ mailUrl: `${form}${place.dir}/some where` });
        mailer.enqueue(loginMail(LOGIN));
        await mailer.idle();
        expect(filesIn(join(place.dir, 'some where'))).to.have.length(1);
      });
    }

    it('is a plain text mail that shows origin, code and life as they are, and tells what to do if unasked for', async () => {
      const mailer = open();
      mailer.enqueue(loginMail(LOGIN));
      await mailer.idle();
      const outbox = join(place.dir, 'outbox');
      const text = readFileSync(join(outbox, filesIn(outbox)[0] ?? ''), 'utf8');
      const [headers = '', ...body] = text.split('\n\n');
      expect(headers)
        .to.match(/^From: OpenLock <locks@relay\.example>$/m)
        .and.to.match(/^To: owner@shop\.example$/m);
      expect(headers)
        .to.match(/^Auto-Submitted: auto-generated$/m)
        .and.to.match(/^Content-Type: text\/plain/m);
      expect(body.join('\n\n'))
        .to.contain('\n    01234567\n')
        .and.to.contain('    https://shop.example\n')
        .and.to.contain('15 minutes')
        .and.to.contain('ignore this');
      expect(codeIn(text)).to.equal('01234567');
    });

    it('counts a directory that cannot be made, and never throws', async () => {
      const mailer = open({ mailUrl: 'file:/dev/null/nowhere' });
      mailer.enqueue(loginMail(LOGIN));
      await mailer.idle();
      expect(failures).to.equal(1);
      expect(JSON.stringify(warnings)).not.to.contain('01234567').and.not.to.contain('owner@');
    });
  });

  describe('over SMTP', () => {
    interface Received {
      readonly from: string;
      readonly to: readonly string[];
      readonly text: string;
    }
    const received: Received[] = [];
    const servers: { close(): void }[] = [];

    beforeEach(() => {
      received.length = 0;
    });
    afterEach(() => {
      for (const server of servers.splice(0)) server.close();
    });

    /** An SMTP server on loopback that keeps what it gets; gives its port. */
    async function smtp(options: SMTPServerOptions = {}): Promise<number> {
      const server = new SMTPServer({
        disabledCommands: ['STARTTLS', 'AUTH'],
        ...options,
        onData(stream, session, done) {
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('end', () => {
            const { mailFrom, rcptTo } = session.envelope;
            received.push({
              from: mailFrom === false ? '' : mailFrom.address,
              to: rcptTo.map(({ address }) => address),
              text: Buffer.concat(chunks).toString('utf8'),
            });
            done();
          });
        },
      });
      server.on('error', () => undefined);
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server.server, 'listening');
      return (server.server.address() as AddressInfo).port;
    }

    it('arrives, from and to whom it should', async () => {
      const mailer = open({ mailUrl: `smtp://127.0.0.1:${await smtp()}` });
      mailer.enqueue(loginMail(LOGIN));
      await mailer.idle();
      expect(received).to.have.length(1);
      expect(received[0]).to.deep.include({ from: 'locks@relay.example', to: ['owner@shop.example'] });
      expect(codeIn(received[0]?.text ?? '')).to.equal('01234567');
      expect(failures).to.equal(0);
    });

    it('arrives over TLS with a password, when the certificate is trusted', async () => {
      const ca = createCa();
      const credentials: string[] = [];
      const options: SMTPServerOptions = {
        ...ca.issue(['127.0.0.1', 'localhost']),
        secure: true,
        disabledCommands: [],
        onAuth(auth, _session, done) {
          credentials.push(`${auth.username}:${auth.password}`);
          done(null, { user: auth.username });
        },
      };
      const port = await smtp(options);
      const trusting = open({
        mailUrl: `smtps://us%40er:pa%3Ass@localhost:${port}?tls.ca=${encodeURIComponent(ca.cert)}`,
      });
      trusting.enqueue(loginMail(LOGIN));
      await trusting.idle();
      expect(received).to.have.length(1);
      expect(credentials).to.deep.equal(['us@er:pa:ss']);
      const strict = open({ mailUrl: `smtps://us%40er:pa%3Ass@localhost:${port}` });
      strict.enqueue(loginMail(LOGIN));
      await strict.idle();
      expect(received).to.have.length(1);
      expect(failures).to.equal(1);
      expect(JSON.stringify(warnings)).not.to.contain('pa:ss');
    });

    it('cannot be given another header or recipient, whatever address or origin', async () => {
      const mailer = open({ mailUrl: `smtp://127.0.0.1:${await smtp()}` });
      const evil = [
        'a@b.example\r\nBcc: c@d.example',
        'a@b.example,c@d.example',
        '"a" <c@d.example>',
        'a@b.example>\r\nRCPT TO:<c@d.example',
        'group: a@b.example;',
        'a@b.example\0',
        '',
      ];
      for (const email of evil) mailer.enqueue(loginMail({ ...LOGIN, email }));
      mailer.enqueue(loginMail({ ...LOGIN, origin: 'https://x.example\r\nBcc: c@d.example' }));
      await mailer.idle();
      expect(received).to.have.length(0);
      expect(failures).to.equal(evil.length + 1);
    });

    it('has one recipient or none, whatever text is put in', async () => {
      const mailer = open({ mailUrl: `smtp://127.0.0.1:${await smtp()}` });
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), fc.string(), async (local, domain) => {
          received.length = 0;
          mailer.enqueue(loginMail({ ...LOGIN, email: `${local}@${domain}.example` }));
          await mailer.idle();
          for (const { to, text } of received) {
            expect(to).to.have.length(1);
            expect(text.split('\r\n\r\n')[0]).not.to.match(/^(cc|bcc|reply-to):/im);
          }
        }),
        { numRuns: 60 },
      );
    });

    /** A server that answers the first `times` attempts with `code`; counts them all. */
    async function busy(
      code: number,
      times: number,
    ): Promise<{ readonly mailUrl: string; readonly attempts: () => number }> {
      let attempts = 0;
      const port = await smtp({
        onMailFrom(_address, _session, done) {
          attempts += 1;
          done(attempts <= times ? Object.assign(new Error('no'), { responseCode: code }) : undefined);
        },
      });
      return { mailUrl: `smtp://127.0.0.1:${port}`, attempts: () => attempts };
    }

    /** Resolves when the mailer waits on `clock`. */
    async function waiting(clock: FakeClock): Promise<void> {
      while (clock.pending === 0) await settle();
    }

    it('is tried again a second, five and twenty after a busy server said no', async () => {
      const { mailUrl, attempts } = await busy(451, 3);
      const clock = new FakeClock();
      const mailer = open({ mailUrl, clock });
      mailer.enqueue(loginMail(LOGIN));
      for (const [made, delayMs] of [1000, 5000, 20_000].entries()) {
        await waiting(clock);
        await clock.advance(delayMs - 1);
        expect([attempts(), clock.pending]).to.deep.equal([made + 1, 1]);
        await clock.advance(1);
      }
      await mailer.idle();
      expect([attempts(), received.length, failures]).to.deep.equal([4, 1, 0]);
    });

    it('is given up after the last of its attempts', async () => {
      const { mailUrl, attempts } = await busy(451, Infinity);
      const mailer = open({ mailUrl, retryDelaysMs: [1, 1] });
      mailer.enqueue(loginMail(LOGIN));
      await mailer.idle();
      expect([attempts(), received.length, failures]).to.deep.equal([3, 0, 1]);
      expect(JSON.stringify(warnings)).to.contain('451').and.not.to.contain('01234567').and.not.to.contain('owner@');
    });

    it('is not tried again when the server refuses it for good', async () => {
      const { mailUrl, attempts } = await busy(550, 1);
      const mailer = open({ mailUrl, retryDelaysMs: [5] });
      mailer.enqueue(loginMail(LOGIN));
      await mailer.idle();
      expect([attempts(), received.length, failures]).to.deep.equal([1, 0, 1]);
      expect(JSON.stringify(warnings)).not.to.contain('01234567').and.not.to.contain('owner@');
    });

    it('is tried once more, at once, when the mailer stops while it waits', async () => {
      const { mailUrl, attempts } = await busy(451, 1);
      const clock = new FakeClock();
      const mailer = open({ mailUrl, clock });
      mailer.enqueue(loginMail(LOGIN));
      await waiting(clock);
      await mailer.stop();
      expect([attempts(), received.length, failures]).to.deep.equal([2, 1, 0]);
    });

    it('waits in a bounded queue while the server is silent, and keeps nobody waiting', async () => {
      const silent: Server = createServer(() => undefined).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      servers.push(silent);
      const clock = new FakeClock();
      const mailUrl = `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const mailer = open({ mailUrl, queueLength: 10, clock });
      for (let count = 0; count < 500; count += 1) mailer.enqueue(loginMail(LOGIN));
      expect(failures).to.equal(490);
      let hasStopped = false;
      const stopped = mailer.stop(2000).then(() => (hasStopped = true));
      await clock.advance(1999);
      expect([hasStopped, failures]).to.deep.equal([false, 490]);
      await clock.advance(1);
      await stopped;
      // Two were under way; the eight behind them are counted, not forgotten.
      expect(failures).to.be.at.least(498);
      expect(JSON.stringify(warnings)).to.contain('the relay stopped before it was sent');
      const before = failures;
      mailer.enqueue(loginMail(LOGIN));
      expect(failures).to.be.greaterThan(before);
    });

    it('leaves before the mailer stops', async () => {
      const mailer = open({ mailUrl: `smtp://127.0.0.1:${await smtp()}` });
      for (let count = 0; count < 5; count += 1) mailer.enqueue(loginMail(LOGIN));
      await mailer.stop();
      expect(received).to.have.length(5);
    });
  });
});
