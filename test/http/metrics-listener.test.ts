import { expect } from 'chai';

import { createMetricsListener, type MetricsListener } from '../../src/http/metrics-listener.js';
import { FakeLog } from './support/fakes.js';
import { sendRaw } from './support/raw.js';

describe('the metrics listener (protocol 2.4)', () => {
  const log = new FakeLog();
  let metrics = (): Promise<string> => Promise.resolve('up 1\n');
  let listener: MetricsListener;
  let port: number;
  before(async () => {
    listener = createMetricsListener({ contentType: 'text/plain; version=0.0.4', metrics: () => metrics() }, log);
    port = await listener.start(0, '127.0.0.1');
  });
  after(() => listener.stop());
  const ask = (line: string, host = `localhost:${port}`) => sendRaw(port, `${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

  it('gives the metrics and nothing else', async () => {
    const { status, text } = await ask('GET /metrics');
    expect(status).to.equal(200);
    expect(text).to.contain('up 1\n').and.contain('text/plain; version=0.0.4');
    expect((await ask('GET /')).status).to.equal(404);
    expect((await ask('POST /metrics')).status).to.equal(405);
  });

  it('refuses names a web page could have pointed at loopback', async () => {
    expect((await ask('GET /metrics', 'evil.example')).status).to.equal(403);
    expect((await ask('GET /metrics', '127.0.0.1')).status).to.equal(200);
  });

  it('listens where it is told to, and is asked there by any name', async () => {
    const open = createMetricsListener({ contentType: 'text/plain', metrics: () => Promise.resolve('up 1\n') }, log);
    const free = await open.start(0, '0.0.0.0');
    const { status } = await sendRaw(free, `GET /metrics HTTP/1.1\r\nHost: relay-1.internal:${free}\r\n\r\n`);
    expect(status).to.equal(200);
    await open.stop();
  });

  it('says so when the metrics cannot be collected', async () => {
    metrics = () => Promise.reject(new Error('no metrics'));
    expect((await ask('GET /metrics')).status).to.equal(500);
    expect(log.lines).to.have.length(1);
  });
});
