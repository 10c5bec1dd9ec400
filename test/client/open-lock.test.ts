import { expect } from 'chai';
import { WebSocket } from 'ws';

import { OpenLock, OpenLockError, UnreachableError } from '../../src/client/index.js';
import { failure } from './support/errors.js';
import { FakeDoor } from './support/fake-door.js';
import { FakeRelay } from './support/fake-relay.js';

describe('the front of the SDK', () => {
  it('speaks https, or http to this machine alone', () => {
    for (const url of [
      'https://relay.example',
      'https://relay.example:8443/',
      'http://localhost:1',
      'http://127.0.0.1:1',
      'http://[::1]:1',
    ])
      expect(() => new OpenLock({ url })).to.not.throw();
    for (const url of [
      'http://relay.example',
      'relay.example',
      'https://relay.example/path',
      'https://u:p@relay.example',
      'https://relay.example?x',
      'ftp://localhost',
      '',
    ]) {
      expect(() => new OpenLock({ url }), url).to.throw(OpenLockError);
    }
  });

  it('takes door ids of the protocol alone', () => {
    const openLock = new OpenLock({ url: 'https://relay.example' });
    for (const id of ['', 'ab', '../x', 'a/b'])
      expect(() => openLock.door(id, { kid: 'A'.repeat(43) }), id).to.throw(OpenLockError);
  });

  it('says that a WebSocket is missing where there is none', async () => {
    const relay = await FakeRelay.start(new FakeDoor());
    const global = globalThis as { WebSocket?: unknown };
    const before = global.WebSocket;
    delete global.WebSocket;
    try {
      const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
      expect(() => openLock.events(['front-door'])).to.throw(OpenLockError, 'WebSocket');
    } finally {
      if (before !== undefined) global.WebSocket = before;
      await relay.stop();
    }
  });

  it('does not send a command when the socket does not open', async () => {
    const fake = new FakeDoor();
    const relay = await FakeRelay.start(fake);
    relay.refuseUpgrade = 503;
    const openLock = new OpenLock({
      url: relay.url,
      tokens: relay.tokens,
      WebSocket,
      transport: 'socket',
      commandTimeoutMs: 300,
    });
    try {
      const error = await failure(
        openLock.door(fake.id, { kid: fake.kid }).lock({ password: fake.password }),
        UnreachableError,
      );
      expect(error.sent).to.equal(false);
      expect(relay.paths().some((path) => path.includes('/commands'))).to.equal(false);
    } finally {
      openLock.close();
      await relay.stop();
    }
  });

  it("serves a door's summary and the list of doors", async () => {
    const fake = new FakeDoor();
    const relay = await FakeRelay.start(fake);
    try {
      const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
      expect(await openLock.doors()).to.deep.equal([
        { doorId: 'front-door', name: 'front-door', role: 'user', online: true, lastSeen: 1 },
      ]);
      expect((await openLock.door(fake.id, { kid: fake.kid }).summary()).doorId).to.equal('front-door');
    } finally {
      await relay.stop();
    }
  });

  it('does not take the key of another door', async () => {
    const fake = new FakeDoor();
    const relay = await FakeRelay.start(fake);
    relay.override = ({ path }) =>
      path.endsWith('/key') ? { status: 200, body: { ...fake.served(), doorId: 'back-door' } } : undefined;
    try {
      const openLock = new OpenLock({ url: relay.url, tokens: relay.tokens });
      expect(
        (await failure(openLock.door(fake.id, { kid: fake.kid }).lock({ password: fake.password }), OpenLockError))
          .code,
      ).to.equal('wrong_key');
    } finally {
      await relay.stop();
    }
  });
});
