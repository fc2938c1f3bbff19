import { describe } from 'vitest'
import { isAvailable } from './service.ts'
import { MYSQL } from './sql.ts'
import { sqlOutages } from './sql-outages.ts'

describe.skipIf(MYSQL.url === null || !isAvailable('shared'))('MySQL or MariaDB', () => {
  sqlOutages(MYSQL)
})
