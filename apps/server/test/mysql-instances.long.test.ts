import { describe } from 'vitest'
import { threeProcesses } from './instances.ts'
import { isAvailable } from './service.ts'
import { MYSQL } from './sql.ts'

describe.skipIf(MYSQL.url === null || !isAvailable('shared'))('three processes on MySQL or MariaDB', () =>
  threeProcesses(MYSQL),
)
