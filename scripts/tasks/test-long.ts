// `npm run test:long`: the tests that take long by their nature (`*.long.test.ts`), all random schedules, and the client's
// tests once more on an old engine. Arguments go to the test runner.
import { runTests } from '../run-tests.ts'

await runTests('test-long-results', ['--project=!here*'])
