import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';

/** What a connection through the proxy is about to do, or has done. */
export interface ProxyEvent {
  /** How many messages of clients have been passed on before it, over all connections. */
  readonly message: number;
  /** The bytes that a client has sent. */
  readonly bytes: Buffer;
  /** `before`: the server has not got them. `after`: it has, and its answer is not passed on. */
  readonly when: 'before' | 'after';
}

/** A TCP proxy that cuts connections: before what a client sends reaches the server, or before it has an answer. */
export class FaultProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #messages = 0;
  /** Asked for each piece of bytes of a client. */
  cuts: (event: ProxyEvent) => boolean = () => false;
  /** Asked for each piece of bytes of a client. From then on, the client hears nothing more, and its connection stays open. */
  mutes: (event: ProxyEvent) => boolean = () => false;
  /** Whether the server is not told of a connection that is cut, and waits for more on it. */
  isHalfOpen = false;
  connections = 0;

  private constructor(host: string, port: number) {
    this.#server = createServer((client) => {
      this.connections++;
      const server = connectSocket(port, host);
      let isMute = false;
      const cut = () => {
        client.destroy();
        if (!this.isHalfOpen) server.destroy();
      };
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', cut);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          cut();
        });
      }
      client.on('data', (bytes: Buffer) => {
        const message = this.#messages++;
        if (this.cuts({ message, bytes, when: 'before' })) {
          cut();
          return;
        }
        isMute ||= this.cuts({ message, bytes, when: 'after' });
        const isSilent = this.mutes({ message, bytes, when: 'after' });
        server.write(bytes);
        if (isSilent) client.write = () => true;
        // The server gets it all, and whoever waits for its answer gets none.
        if (isMute) client.destroy();
      });
      client.on('close', () => {
        if (!this.isHalfOpen) server.end();
      });
      server.on('data', (bytes: Buffer) => {
        if (!isMute) client.write(bytes);
      });
    });
  }

  /** @param to - Where the server is. */
  static async start(to: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(to.host, to.port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Cuts all connections. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
