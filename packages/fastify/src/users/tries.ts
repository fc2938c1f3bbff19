import { faultOf } from './engine.ts'

/** Thrown in a transaction when a row that it rests on has changed since it was read. */
export class ChangedMeanwhileError extends Error {
  override readonly name = 'ChangedMeanwhileError'
}

/** Runs `work` again while another transaction is in its way, at most `tries` times in all. Then the error of `work` is thrown. */
export async function withTries<T>(tries: number, work: () => Promise<T>): Promise<T> {
  for (let left = tries - 1; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left === 0 || !mayWorkNow(error)) throw error
    }
  }
}

/** A constraint too: the row that was in the way is read the next time. */
function mayWorkNow(error: unknown): boolean {
  const fault = faultOf(error)
  return error instanceof ChangedMeanwhileError || fault === 'contention' || fault === 'constraint'
}
