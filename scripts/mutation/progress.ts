import type { Outcomes } from './plan.ts'

/**
 * Says how far a run is: `100 of 1758 changes tried: 96 noticed, 4 survived, about 12 min left`.
 *
 * @param total how many changes are to be tried
 */
export function createProgress(total: number, now = Date.now): (outcomes: Outcomes) => string {
  const begunMs = now()
  return (outcomes) => {
    const all = Object.values(outcomes)
    const tried = all.length
    const noticed = all.filter((outcome) => outcome === 'noticed').length
    const leftMs = tried > 0 ? ((now() - begunMs) / tried) * (total - tried) : Number.NaN
    const left = Number.isNaN(leftMs) ? '' : `, about ${Math.ceil(leftMs / 60_000)} min left`
    return `${tried} of ${total} changes tried: ${noticed} noticed, ${tried - noticed} survived${left}`
  }
}
