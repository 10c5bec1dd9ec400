import { once } from 'node:events';
import http from 'node:http';

/** A website of this demo: a real server on loopback, which the relay really asks for the challenge (protocol 3.2). */
export class DemoWebsite {
  readonly #files = new Map<string, string>();
  readonly #server = http.createServer((request, response) => {
    const text = request.method === 'GET' ? this.#files.get(request.url ?? '') : undefined;
    if (text === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing here\n');
      return;
    }
    this.fetches += 1;
    response.writeHead(200, { 'content-type': 'text/plain' }).end(`${text}\n`);
  });
  /** How often somebody asked for a file that is there. */
  fetches = 0;
  #origin = '';

  /** Its origin, once started. */
  get origin(): string {
    return this.#origin;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the demo website has no port');
    this.#origin = `http://127.0.0.1:${address.port}`;
  }

  serve(path: string, text: string): void {
    this.#files.set(path, text);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
