// Follows a log for as long as its pod lives, although the platform ends each reading: after an hour, and when it is
// started anew. Everything from outside can be replaced for tests.

/** A piece of text. `isAnew`: the log begins again with its last lines, and what came before is to be forgotten. */
export interface Piece {
  text: string;
  isAnew: boolean;
}

export interface Outside {
  /** The log's last lines and what follows them, until the platform ends it. */
  read(): AsyncIterable<string>;
  /** Whether the pod that speaks has more to say; fails if nobody can tell. */
  isAlive(): Promise<boolean>;
  /** Whether nothing but waiting helps against this failure. */
  passes(error: unknown): boolean;
  wait(ms: number): Promise<void>;
  now(): number;
}

const FIRST_PAUSE_MS = 1000;
const PAUSE_MAX_MS = 30_000;
/** A reading that lasted this long was a good one: what ends it is news. */
const GOOD_AFTER_MS = 10_000;

/** Ends when the pod has ended; fails where the first reading does, and when waiting does not help. */
export async function* follow(outside: Outside): AsyncGenerator<Piece> {
  let pause = FIRST_PAUSE_MS;
  for (let count = 0; ; count++) {
    const begun = outside.now();
    let isAnew = true;
    try {
      // Everything that was said before comes again; so nobody has to find out where the two meet.
      for await (const text of outside.read()) {
        yield { text, isAnew };
        isAnew = false;
      }
    } catch (error) {
      if ((count === 0 && isAnew) || !outside.passes(error)) throw error;
    }
    if (outside.now() - begun >= GOOD_AFTER_MS) pause = FIRST_PAUSE_MS;
    await outside.wait(pause);
    pause = Math.min(pause * 2, PAUSE_MAX_MS);
    if (!(await isAlive(outside))) return;
  }
}

/** Whoever cannot be asked may be back in a moment: then the next reading tells. */
async function isAlive(outside: Outside): Promise<boolean> {
  try {
    return await outside.isAlive();
  } catch (error) {
    if (outside.passes(error)) return true;
    throw error;
  }
}
