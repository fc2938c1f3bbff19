// What CI runs: the code checks, then the tests.
await import('./lint.ts')
const codeChecks = process.exitCode
await import('./test.ts')
process.exitCode ||= codeChecks
