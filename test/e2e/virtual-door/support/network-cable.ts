/** The network between a door and its relay: it can be pulled out, with or without the ends noticing, and plugged in again. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class NetworkCable {
  /** Port on loopback where the relay is; may change at any time. */
  upstream = 0;
  readonly #server: Server = createServer((client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  readonly #doorSide = new Set<Socket>();
  #silent = false;
  #unplugged = false;

  static async start(host = '127.0.0.1'): Promise<NetworkCable> {
    const cable = new NetworkCable();
    cable.#server.listen(0, host);
    await once(cable.#server, 'listening');
    return cable;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `https://localhost:${this.port}`;
  }

  /** Connections break, and new ones break at once. */
  unplug(): void {
    this.#unplugged = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Not a byte passes in either direction, and nobody is told. */
  silence(): void {
    this.#silent = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** The door is told everything, and what it says gets nowhere; unplugged after that, it never arrives. */
  muffle(): void {
    for (const socket of this.#doorSide) socket.pause();
  }

  /** Whole again. What was sent in the silence arrives late, as TCP repeats it. */
  plug(): void {
    this.#unplugged = false;
    this.#silent = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async stop(): Promise<void> {
    this.unplug();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#unplugged) {
      client.destroy();
      return;
    }
    const server = connect(this.upstream, '127.0.0.1');
    this.#doorSide.add(client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => other.write(chunk));
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#doorSide.delete(socket);
        // A close is news, too, and news do not pass.
        if (this.#silent) this.#laterClose(other);
        else other.destroy();
      });
      if (this.#silent) socket.pause();
    }
  }

  #laterClose(socket: Socket): void {
    const timer = setInterval(() => {
      if (this.#silent) return;
      clearInterval(timer);
      socket.destroy();
    }, 50);
    timer.unref();
  }
}
