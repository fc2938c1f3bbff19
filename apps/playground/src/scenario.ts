import type { Action, PhoneName } from './stage/actions.ts'
import type { Text } from './text.ts'

/** Something that must be true in the end: of the page, and of the test that is made from the scenario. */
export type Check =
  /** How many entries of the phones' ledger have this event and these details. */
  | { count: string; where?: Record<string, string | number | boolean>; is: number }
  | { phone: PhoneName; shows: string }
  /** The last sign-in on this phone made a new user. */
  | { phone: PhoneName; isNewUser: true }

export interface Step {
  say: Text
  actions: readonly Action[]
}

/** A story of a few steps, with an address of its own: `#<id>`. */
export interface Scenario {
  id: string
  title: Text
  steps: readonly Step[]
  checks: readonly Check[]
  /** Recorded beside the tutorial's code too, because that goes wrong in it. */
  isRecordedBeside?: true
  /** Of something that the tutorial's code does not have at all. */
  isOursAlone?: true
}
