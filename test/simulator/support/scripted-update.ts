import type { DoorFrame } from '../../../src/protocol/door-frames.js';
import type { DoorUpdateFrame, UpdatePhase } from '../../../src/protocol/update-frames.js';
import { blockFrame, type TestRelease } from '../../support/releases.js';
import type { StandInDoor } from './stand-in-relay.js';

type Get = DoorUpdateFrame & { readonly phase: 'get' };
type Step<P extends UpdatePhase> = DoorUpdateFrame & { readonly phase: P };

/** One update over one connection, from the relay's side, by hand. */
export class ScriptedUpdate {
  /** Gets that came, in order. */
  readonly gets: Get[] = [];
  /** Gets that were not answered yet. */
  readonly open: Get[] = [];
  mostOutstanding = 0;
  /** Called for each get; the default answers it. */
  onGet: (get: Get) => void = () => this.answer();

  constructor(
    readonly peer: StandInDoor,
    readonly id: string,
    readonly release: TestRelease,
  ) {
    peer.socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as DoorFrame;
      if (frame.t !== 'update' || frame.id !== id || frame.phase !== 'get') return;
      this.gets.push(frame);
      this.open.push(frame);
      this.mostOutstanding = Math.max(this.mostOutstanding, this.open.length);
      this.onGet(frame);
    });
  }

  offer(manifest = this.release.manifest): this {
    this.peer.send({ t: 'update', id: this.id, phase: 'offer', manifest });
    return this;
  }

  /** Answers the oldest get, or another that is open. */
  answer(index = 0): void {
    const [get] = this.open.splice(index, 1);
    if (get !== undefined) this.peer.socket.send(blockFrame(this.release.image, get.offset, get.length));
  }

  /** The first frame of this phase, past or future. */
  phase<P extends UpdatePhase>(phase: P): Promise<Step<P>> {
    return this.peer.frame(
      (frame): frame is Step<P> => frame.t === 'update' && frame.id === this.id && frame.phase === phase,
    );
  }

  /** Phases that came, repetitions and gets apart. */
  get phases(): readonly UpdatePhase[] {
    const all = this.peer.frames.flatMap((frame) =>
      frame.t === 'update' && frame.id === this.id && frame.phase !== 'get' ? [frame.phase] : [],
    );
    return all.filter((phase, index) => phase !== all[index - 1]);
  }
}
