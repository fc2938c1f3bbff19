// `npm test`: builds everything, types of the tests included, then runs the tests, without those that take long.
// Arguments go to the test runner: `npm test -- client`.
import { runTests } from '../run-tests.ts'

await runTests('test-results', ['--project=here*'])
