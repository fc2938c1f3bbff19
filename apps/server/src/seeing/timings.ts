/** Upper bounds in seconds: the stores answer in milliseconds, WeChat in tens of milliseconds, and a request ends after seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** One series of a histogram. */
export interface Timing {
  observe(seconds: number): void
}

/** Durations as a Prometheus histogram. */
export interface Timings {
  /** The series of these labels, always the same one. Keep it, because looking it up costs more than counting. */
  of(labels: Readonly<Record<string, string | number>>): Timing
  /** All series in Prometheus' text format. */
  render(): string
}

/**
 * A histogram for what happens at every request. The one of the client library hashes its labels at each observation, which takes
 * several percent of a guarded request. Here an observation is a search in an array and two additions.
 */
export function createTimings({ name, help }: { name: string; help: string }): Timings {
  const series = new Map<string, { counts: number[]; sum: number } & Timing>()

  function makeSeries() {
    const made = {
      counts: new Array<number>(BUCKETS.length + 1).fill(0),
      sum: 0,
      observe(seconds: number) {
        let bucket = 0
        while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++
        made.counts[bucket] = (made.counts[bucket] as number) + 1
        made.sum += seconds
      },
    }
    return made
  }

  return {
    of(labels) {
      const text = Object.entries(labels)
        .map(([label, value]) => `${label}="${escapeLabel(String(value))}"`)
        .join(',')
      const found = series.get(text) ?? makeSeries()
      series.set(text, found)
      return found
    },

    render() {
      const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
      for (const [labels, { counts, sum }] of series) {
        let count = 0
        counts.forEach((each, index) => {
          count += each
          lines.push(`${name}_bucket{${labels},le="${BUCKETS[index] ?? '+Inf'}"} ${count}`)
        })
        lines.push(`${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${count}`)
      }
      return `${lines.join('\n')}\n`
    },
  }
}

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
