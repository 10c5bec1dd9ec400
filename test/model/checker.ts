/** A small explicit-state model checker: breadth first, so that a counterexample is a shortest one. */

export interface Step<State> {
  /** What happens, as a sentence. */
  readonly label: string;
  readonly next: State;
}

export interface Invariant<State> {
  readonly name: string;
  holds(state: State): boolean;
}

export interface Counterexample<State> {
  readonly invariant: string;
  readonly steps: readonly string[];
  readonly last: State;
}

export interface Exploration<State> {
  readonly states: number;
  /** Labels of all transitions that were taken, without what stands in parentheses. */
  readonly taken: ReadonlySet<string>;
  readonly counterexample: Counterexample<State> | undefined;
}

/**
 * Visits every state that can be reached from `initial`, or stops at the first that breaks an invariant. States are plain
 * data: two with the same JSON are one. Throws past `maxStates`, because a search that was cut short has shown nothing.
 */
export function explore<State>(
  initial: State,
  steps: (state: State) => readonly Step<State>[],
  invariants: readonly Invariant<State>[],
  maxStates = 5_000_000,
): Exploration<State> {
  const states: State[] = [initial];
  const cameFrom: number[] = [-1];
  const labels: string[] = [''];
  const known = new Set([JSON.stringify(initial)]);
  const taken = new Set<string>();

  const path = (at: number): string[] => {
    const back: string[] = [];
    for (let index = at; index > 0; index = cameFrom[index] ?? 0) back.push(labels[index] ?? '');
    return back.reverse();
  };

  for (let at = 0; at < states.length; at += 1) {
    const state = states[at] as State;
    const broken = invariants.find((invariant) => !invariant.holds(state));
    if (broken !== undefined) {
      const counterexample = { invariant: broken.name, steps: path(at), last: state };
      return { states: states.length, taken, counterexample };
    }
    for (const { label, next } of steps(state)) {
      taken.add(label.replace(/ \(.*$/, ''));
      const key = JSON.stringify(next);
      if (known.has(key)) continue;
      if (states.length >= maxStates) throw new Error(`more than ${maxStates} states`);
      known.add(key);
      states.push(next);
      cameFrom.push(at);
      labels.push(label);
    }
  }
  return { states: states.length, taken, counterexample: undefined };
}

/** A counterexample for people: what must not be, and the steps that lead there. */
export function printed<State>({ invariant, steps, last }: Counterexample<State>): string {
  const numbered = steps.map((step, index) => `  ${String(index + 1).padStart(2)}. ${step}`);
  return [`broken: ${invariant}`, ...numbered, `  then: ${JSON.stringify(last)}`].join('\n');
}
