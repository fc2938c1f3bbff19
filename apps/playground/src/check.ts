import type { Check, Scenario } from './scenario.ts'
import { authOf } from './stage/actions.ts'
import type { Stage } from './stage/stage.ts'

/** What each failed check of a story found on our phones, one sentence each; empty when the story went well. */
export function failedChecks({ checks }: Scenario, stage: Stage): string[] {
  return checks.flatMap((check) => problemOf(check, stage) ?? [])
}

function problemOf(check: Check, stage: Stage): string | null {
  if ('phone' in check) {
    const phone = stage.shown.value.find(({ name, track }) => name === check.phone && track === 'ours')?.phone
    if ('shows' in check) {
      return phone?.running()?.exists(check.shows) ? null : `phone ${check.phone} does not show ${check.shows}`
    }
    const isNew = phone?.running() && authOf(phone).getSession?.()?.user.isNew
    return isNew ? null : `the user of phone ${check.phone} is not a new one`
  }
  const ours = stage.timeline.events.value.filter(
    ({ phase, entry }) =>
      phase === 'ended' && entry.side === 'device' && stage.trackOf(String(entry.device)) === 'ours',
  )
  const found = ours.filter(({ entry }) =>
    check.count === 'sign-in'
      ? entry.method === 'POST' && /\/sessions$/.test(String(entry.url)) && entry.statusCode === 201
      : entry.event === check.count &&
        Object.entries(check.where ?? {}).every(([name, value]) => entry[name] === value),
  ).length
  if (found === check.is) return null
  return `${check.count} ${JSON.stringify(check.where ?? {})}: ${found}, not ${check.is}`
}
