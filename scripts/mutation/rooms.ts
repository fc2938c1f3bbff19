import { basename, dirname } from 'node:path'

/**
 * The tests of a source file: those in the folder that is called as the source's own, below `test/`, and those with its name. For a
 * source in no folder: the tests in no folder.
 *
 * @param file `packages/fastify/src/sessions/token.ts`
 */
export function testsOf(file: string, tests: readonly string[]): string[] {
  const [, folder = '', path = ''] = /^(.+)\/src\/(.+)\.ts$/.exec(file) ?? []
  const [room = '', ...rest] = path.split('/')
  const place = `${folder}/test`
  const isBeside = (test: string) => (rest.length > 0 ? test.startsWith(`${place}/${room}/`) : dirname(test) === place)
  const isNamesake = (test: string) => test.startsWith(`${place}/`) && basename(test) === `${basename(path)}.test.ts`
  return tests.filter((test) => isBeside(test) || isNamesake(test))
}
