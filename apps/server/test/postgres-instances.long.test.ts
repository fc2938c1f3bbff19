import { describe } from 'vitest'
import { threeProcesses } from './instances.ts'
import { isAvailable } from './service.ts'
import { POSTGRES } from './sql.ts'

describe.skipIf(!isAvailable('shared'))('three processes on PostgreSQL', () => threeProcesses(POSTGRES))
