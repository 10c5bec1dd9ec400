/** A TCP load balancer, as a fleet of relays has one in front: one address, connections in turn, the dead ones passed over. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Balancer {
  /** Ports of the relays; may change at any time. */
  upstreams: number[] = [];
  readonly #server: Server = createServer((client) => this.#connect(client));
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  async start(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connect(client: Socket, tried = 0): void {
    const port = this.upstreams[this.#turn % this.upstreams.length];
    this.#turn += 1;
    client.on('error', () => undefined);
    if (port === undefined || tried >= this.upstreams.length) {
      client.destroy();
      return;
    }
    const server = connect(port, '127.0.0.1');
    server.once('error', () => {
      if (!client.destroyed && client.bytesRead === 0) this.#connect(client, tried + 1);
      else client.destroy();
    });
    server.once('connect', () => {
      client.pipe(server).pipe(client);
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }
}
