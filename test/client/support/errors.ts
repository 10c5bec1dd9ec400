/** The error of an act that must fail. */
export async function failure<T extends Error>(
  act: Promise<unknown>,
  type: abstract new (...args: never[]) => T,
): Promise<T> {
  try {
    await act;
  } catch (error) {
    if (error instanceof type) return error;
    throw error;
  }
  throw new Error(`expected a ${type.name}, but it succeeded`);
}
