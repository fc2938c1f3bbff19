// The end of `.ci/run`: reads what its steps left in .cache/, and ends with one line, `N passed, N failed`. Its arguments are
// the steps that ended with an error. Depends on nothing and runs on Node 20.
//
// A test that passed when it was tried again is printed with what it failed for: it is green, and somebody should look at it.
// A failure is: a failed test, a test that did not run, a step that left no result, a step that ended with an error and told
// of no failure, and a test named in docs/ that did not pass.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The steps whose results are those of the test runner, and those that count checks by themselves. */
const TESTS = { test: 'test-results', 'test:long': 'test-long-results' }
const CHECKS = { lint: 'lint-results', packer: 'packer-results' }

const root = process.cwd()
const redSteps = new Set(process.argv.slice(2))
const failures = []
const passedTests = []
let passed = 0

for (const [step, name] of Object.entries(TESTS)) {
  const before = failures.length
  const results = read(step, name)
  for (const test of results ? testsOf(results) : []) {
    if (test.status !== 'passed') {
      failures.push([`${test.status}: ${test.file} > ${test.name}`, ...reasonsOf(test)].join('\n'))
      continue
    }
    passedTests.push(test)
    if (test.failure) console.log(`TRIED AGAIN ${test.file} > ${test.name}: ${test.failure.split('\n')[0]}`)
  }
  if (results && results.success !== true && failures.length === before) {
    failures.push(`${step}: an error outside of a test, see above`)
  }
  if (redSteps.has(step) && failures.length === before) failures.push(`${step}: ended with an error, see above`)
}
passed += passedTests.length
if (passedTests.length === 0) failures.push('no test has passed')

for (const [step, name] of Object.entries(CHECKS)) {
  const results = read(step, name)
  passed += results?.passed ?? 0
  for (let n = 0; n < (results?.failed ?? 0); n++) failures.push(`${step}: a check failed, see above`)
  if (results?.failed === 0 && redSteps.has(step)) failures.push(`${step}: ended with an error, see above`)
}

for (const { page, file, title } of namedTests()) {
  // `$name`, `%s` and the like stand for the values of a table.
  const pattern = title.split(/\$[\w.]+|%[sdijo#%]/).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  const isNamed = new RegExp(pattern.join('[\\s\\S]*'))
  if (!passedTests.some((test) => test.file === file && isNamed.test(test.name))) {
    failures.push(`${page} names a test that did not pass: ${file} > ${title}`)
  }
}

for (const failure of failures) console.log(`FAIL ${failure}`)
console.log(`${passed} passed, ${failures.length} failed`)
process.exit(failures.length === 0 ? 0 : 1)

function read(step, name) {
  try {
    return JSON.parse(readFileSync(join(root, '.cache', `${name}.json`), 'utf8'))
  } catch {
    failures.push(`${step}: it left no .cache/${name}.json, so it did not get to its end`)
    return null
  }
}

/** Every test of a run, with its file as seen from the root and its whole name. */
function testsOf({ testResults }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name).replaceAll('\\', '/')
    // A file that cannot be loaded has no test that could fail.
    if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed')) {
      return [{ file, name: String(message).split('\n')[0], status: 'failed' }]
    }
    return assertionResults.map(({ fullName, status, failureMessages = [] }) => {
      return { file, name: fullName, status, failure: failureMessages[0], failures: failureMessages }
    })
  })
}

/** What a failed test said at each try: enough of it to know where to look. */
function reasonsOf({ failures = [] }) {
  return failures.map((message) => {
    const lines = message.split('\n').filter((line) => line.trim() !== '' && !line.includes('node_modules'))
    return lines
      .map((line) => `  ${line.slice(0, 200)}`)
      .slice(0, 12)
      .join('\n')
  })
}

/** The tests that the pages of docs/ name: `[title](../packages/…/x.test.ts)`. */
function namedTests() {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  return pages.flatMap((page) => {
    const text = readFileSync(join(root, 'docs', page), 'utf8')
    const links = text.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.test\.ts)\)/g)
    return [...links].map(([, title, file]) => ({ page: `docs/${page}`, title, file }))
  })
}
