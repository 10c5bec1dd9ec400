import type { Duplex } from 'node:stream';

/** Tells of every write that reaches what is below the stream. */
export function countWrites(stream: Duplex, told: () => void): void {
  const write = stream._write.bind(stream);
  const writev = stream._writev?.bind(stream);
  stream._write = (...args) => {
    told();
    write(...args);
  };
  stream._writev = (...args) => {
    told();
    writev?.(...args);
  };
}
