import { describe } from 'vitest'
import { threeProcessesAndOneCode } from './instances.ts'
import { isAvailable } from './service.ts'
import { POSTGRES } from './sql.ts'

describe.skipIf(!isAvailable('shared'))('three processes on PostgreSQL', () => threeProcessesAndOneCode(POSTGRES))
