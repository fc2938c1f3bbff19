import { openPage } from '../open.tsx'
import { createRecordedStage, type RecordedStageDeps } from './recorded-stage.ts'
import { type Recording, recordingName } from './recording.ts'

const { stage, player, view } = await openPage(async () =>
  createRecordedStage({
    look: await fetchJson<RecordedStageDeps['look']>('look.json'),
    load: (scenario, isComparing) => fetchJson<Recording>(`recordings/${recordingName(scenario, isComparing)}`),
  }),
)

// For tests and for the curious.
Object.assign(globalThis, { playground: { stage, player, view } })

async function fetchJson<T>(path: string): Promise<T> {
  const response = await fetch(`playground/${path}`)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return (await response.json()) as T
}
