/** The child's half of the benchmark's processes: methods called by message, answered by message. */

/** What a process has used so far. */
export interface Usage {
  /** User and system time of all its threads, microseconds. */
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Memory of buffers, besides the heap. */
  readonly externalBytes: number;
}

/** Methods of one program; each takes one object. */
export type Methods = Readonly<Record<string, (params: never) => unknown>>;

/** What every program answers. */
export interface CommonMethods {
  usage(params: object): Usage;
  /** Only with `--expose-gc`; nothing otherwise. */
  collectGarbage(params: object): void;
}

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

const common: CommonMethods = {
  usage() {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { cpuMicros: user + system, rssBytes: rss, heapUsedBytes: heapUsed, externalBytes: external };
  },
  collectGarbage() {
    const { gc } = globalThis as { gc?: () => void };
    gc?.();
    gc?.();
  },
};

/** Answers calls until the parent goes away. */
export function serve(methods: Methods): void {
  const table = { ...common, ...methods } as unknown as Record<string, (params: unknown) => unknown>;
  const answer = async ({ id, method, params }: Call): Promise<Reply> => {
    try {
      const work = table[method];
      if (work === undefined) throw new Error(`no method ${method}`);
      return { id, value: await work(params) };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (call: Call) => {
    void answer(call).then((reply) => process.send?.(reply));
  });
  // A benchmark that was cut off leaves nothing behind.
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group; the parent stops its children in order.
  process.on('SIGINT', () => undefined);
}
