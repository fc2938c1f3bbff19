import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signBody } from '../../src/hooks/signed-post.ts'

const DOCUMENTS = ['hooks.md', 'hooks.zh-CN.md'].map((name) =>
  readFileSync(join(import.meta.dirname, '../../../../docs', name), 'utf8'),
)

const SECRET = 'a-secret-with-ü'
const NOW = 1_700_000_000
const BODY = '{"name":"小明 👍","empty":""}'
const [, V1 = ''] = signBody(SECRET, NOW, BODY).split('v1=')

/** What a verifier gets, and whether it must say yes. */
const CASES: readonly [what: string, header: string, body: string, isOurs: boolean][] = [
  ['the call itself', signBody(SECRET, NOW, BODY), BODY, true],
  ['a call of five minutes ago', signBody(SECRET, NOW - 300, BODY), BODY, true],
  ['an empty body', signBody(SECRET, NOW, ''), '', true],
  ['an older call', signBody(SECRET, NOW - 301, BODY), BODY, false],
  ['a call from the future', signBody(SECRET, NOW + 301, BODY), BODY, false],
  ['an old call with a new time', `t=${NOW},v1=${signBody(SECRET, NOW - 301, BODY).split('v1=')[1]}`, BODY, false],
  ['another body', signBody(SECRET, NOW, BODY), `${BODY} `, false],
  ['another secret', signBody(`${SECRET}x`, NOW, BODY), BODY, false],
  ['no header', '', BODY, false],
  ['no signature', `t=${NOW}`, BODY, false],
  ['an empty signature', `t=${NOW},v1=`, BODY, false],
  ['half a signature', `t=${NOW},v1=${V1.slice(0, 32)}`, BODY, false],
  ['something behind it', `t=${NOW},v1=${V1}\n`, BODY, false],
  ['a time that is no number', `t=1e9,v1=${V1}`, BODY, false],
]

/** How the code of the documents is called: it gets one `header` and `body` after the other, as hex, and prints 1 or 0 for each. */
const PROGRAMS: Record<string, (code: string) => { file: string; text: string; run: readonly string[] }> = {
  js: (code) => ({
    file: 'run.mjs',
    text: `${code}
      const read = (hex) => Buffer.from(hex, 'hex')
      for (let i = 4; i < process.argv.length; i += 2) {
        const [header, body] = [read(process.argv[i]).toString(), read(process.argv[i + 1])]
        console.log(Number(isOurs(process.argv[2], header, body, Number(process.argv[3]))))
      }`,
    run: [process.execPath, 'run.mjs'],
  }),
  php: (code) => ({
    file: 'run.php',
    text: `<?php ${code}
      for ($i = 3; $i < $argc; $i += 2)
        echo (int) isOurs($argv[1], hex2bin($argv[$i]), hex2bin($argv[$i + 1]), (int) $argv[2]), "\\n";`,
    run: ['php', 'run.php'],
  }),
  python: (code) => ({
    file: 'run.py',
    text: `${code}
import sys
read = bytes.fromhex
for i in range(3, len(sys.argv), 2):
    print(int(is_ours(sys.argv[1], read(sys.argv[i]).decode(), read(sys.argv[i + 1]), int(sys.argv[2]))))`,
    run: ['/usr/bin/python3', 'run.py'],
  }),
  go: (code) => ({
    file: 'run.go',
    text: `package main
${code.replace('import (', 'import (\n\t"fmt"\n\t"os"')}
func main() {
	now, _ := strconv.ParseInt(os.Args[2], 10, 64)
	for i := 3; i < len(os.Args); i += 2 {
		header, _ := hex.DecodeString(os.Args[i])
		body, _ := hex.DecodeString(os.Args[i+1])
		said := 0
		if isOurs(os.Args[1], string(header), body, now) {
			said = 1
		}
		fmt.Println(said)
	}
}`,
    run: ['go', 'run', 'run.go'],
  }),
  java: (code) => ({
    file: 'Run.java',
    // A program in one file begins with the class that has main.
    text: code.replace(
      'class Signature {',
      `class Run {
        public static void main(String[] args) throws Exception {
          for (int i = 2; i < args.length; i += 2) {
            var header = new String(HexFormat.of().parseHex(args[i]), StandardCharsets.UTF_8);
            var body = HexFormat.of().parseHex(args[i + 1]);
            System.out.println(Signature.isOurs(args[0], header, body, Long.parseLong(args[1])) ? 1 : 0);
          }
        }
      }
      class Signature {`,
    ),
    run: ['java', '-Dfile.encoding=UTF-8', '-XX:TieredStopAtLevel=1', 'Run.java'],
  }),
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'verifiers-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The code of a language under the last title of a document. */
function codeIn(document: string, language: string): string {
  const part = document.slice(document.lastIndexOf('\n## '))
  return new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``).exec(part)?.[1] ?? ''
}

describe.concurrent.each(Object.entries(PROGRAMS))('the verifier of a signature in %s', (language, toProgram) => {
  test('the verifier that the documents show takes what the service sends, and nothing else', async () => {
    const [english = '', chinese] = DOCUMENTS.map((document) => codeIn(document, language))
    expect(english).not.toBe('')
    expect(chinese).toBe(english)
    const { file, text, run } = toProgram(english)
    writeFileSync(join(folder, file), text)
    const [command = '', ...args] = run
    const hex = CASES.flatMap(([, header, body]) => [header, body]).map((text) => Buffer.from(text).toString('hex'))
    const { PATH } = process.env
    const { stdout } = await promisify(execFile)(command, [...args, SECRET, String(NOW), ...hex], {
      cwd: folder,
      env: {
        PATH,
        LC_ALL: 'C.UTF-8',
        HOME: folder,
        GOCACHE: join(folder, 'go-cache'),
        GOPROXY: 'off',
        GOFLAGS: '-mod=mod',
      },
    })
    const said = stdout.trim().split('\n')
    expect(CASES.map(([what], index) => [what, said[index] === '1'])).toEqual(
      CASES.map(([what, , , isOurs]) => [what, isOurs]),
    )
  })
})
