import type { Scenario } from './scenario.ts'
import { ACCOUNT } from './stories/account.ts'
import { ENDINGS } from './stories/endings.ts'
import { OUTAGES } from './stories/outages.ts'
import { SIGN_IN } from './stories/sign-in.ts'

/** All stories, in the order in which the page lists them. */
export const SCENARIOS: readonly Scenario[] = [...SIGN_IN, ...ENDINGS, ...ACCOUNT, ...OUTAGES]

export function findScenario(id: string): Scenario | null {
  return SCENARIOS.find((scenario) => scenario.id === id) ?? null
}
