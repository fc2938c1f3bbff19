import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type Coverage,
  moveOutside,
  planImport,
  planReplay,
  planRest,
  planTimeouts,
  type Replayed,
} from '../mutation/plan.ts'
import { createProgress } from '../mutation/progress.ts'
import { changesOf, createQueryMutator, editsOfScript } from '../mutation/queries.ts'
import { findRefused } from '../mutation/refused.ts'
import { type Mutant, nameOf, report } from '../mutation/report.ts'
import { testsOf } from '../mutation/rooms.ts'
import { type NodePath, runsAtImport, whyIgnored } from '../mutation/words.ts'

/** Changes of one file: the change in line n has the n-th outcome. */
function results(...outcomes: Mutant['outcome'][]): Mutant[] {
  return outcomes.map((outcome, index) => ({
    file: 'src/x.ts',
    line: index + 1,
    source: `const x${index + 1} = true`,
    change: 'BooleanLiteral: false',
    outcome,
  }))
}

function explainAll(mutants: readonly Mutant[]): Record<string, string> {
  return Object.fromEntries(mutants.map((mutant) => [nameOf(mutant), 'it is the default']))
}

describe('a mutation run', () => {
  test('counts what was noticed among the changes in code that a test runs', () => {
    const mutants = results('noticed', 'noticed', 'survived', 'never run')
    const { text, isGood } = report(mutants, explainAll(mutants), 60)
    expect(text).toContain('66.7 % of 3 changes')
    expect(text).toContain('no test runs the code of 1 more')
    expect(isGood).toBe(true)
  })

  test('is not good enough below the threshold, or when nothing was changed', () => {
    const mutants = results('noticed', 'survived')
    expect(report(mutants, explainAll(mutants), 51).isGood).toBe(false)
    expect(report([], {}, 0).isGood).toBe(false)
  })

  test('is not good enough with a survivor that nobody has explained, far above the threshold as it may be', () => {
    const [noticed, known, unknown] = results('noticed', 'survived', 'survived')
    if (!noticed || !known || !unknown) throw new Error('there are three')
    const explained = explainAll([known])
    expect(report([noticed, known], explained, 0).isGood).toBe(true)
    expect(report([noticed, known, unknown], explained, 0).isGood).toBe(false)
  })

  test('does not ask for a reason where the compiler refuses a change, and does not count it as noticed by a test', () => {
    const mutants = results('noticed', 'refused')
    const { text, isGood } = report(mutants, {}, 50)
    expect(text).toContain('50.0 % of 2 changes')
    expect(text).toContain('the compiler refuses 1')
    expect(isGood).toBe(true)
    expect(report(mutants, {}, 51).isGood).toBe(false)
  })

  test('names every survivor, with the reason where there is one', () => {
    const [known, unknown] = results('survived', 'survived')
    if (!known || !unknown) throw new Error('there are two')
    const { text } = report([known, unknown], { [nameOf(known)]: 'it is the default' }, 90)
    expect(text).toContain(
      'explained (it is the default): src/x.ts:1: src/x.ts | const x1 = true | BooleanLiteral: false',
    )
    expect(text).toContain('SURVIVED: src/x.ts:2: src/x.ts | const x2 = true | BooleanLiteral: false')
  })
})

describe('the changes that the compiler refuses', () => {
  const root = mkdtempSync(join(tmpdir(), 'weapp-auth-refused-'))
  afterAll(() => rmSync(root, { recursive: true }))
  const SOURCES = {
    'p/src/x.ts': "import { one } from './y.ts'\nexport const x: 1 | 2 = one\nif (x > 1) console.log(x)\n",
    'p/src/y.ts': 'export const one: 1 | 2 = 1\n',
    'p/src/console.d.ts': 'declare const console: { log(x: number): void }\n',
    'p/tsconfig.json': JSON.stringify({
      compilerOptions: {
        strict: true,
        noUnusedLocals: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        types: [],
      },
    }),
  }
  mkdirSync(join(root, 'p/src'), { recursive: true })
  for (const [file, text] of Object.entries(SOURCES)) writeFileSync(join(root, file), text)
  const change = (file: 'p/src/x.ts' | 'p/src/y.ts', text: string, by: string) => {
    const start = SOURCES[file].indexOf(text)
    return { id: by, file, edit: { start, end: start + text.length, by } }
  }

  test('are changes that do not fit the types; each change is looked at alone', () => {
    const changes = [
      change('p/src/x.ts', 'one\nif', '3\nif'),
      change('p/src/y.ts', '= 1', '= 3'),
      change('p/src/y.ts', '= 1', '= 2'),
      change('p/src/x.ts', 'x > 1', 'true'),
    ]
    expect([...findRefused(changes, root)]).toEqual(['3\nif', '= 3'])
  })

  test('are not changes that only leave a name unused, or whose text cannot be compiled at all', () => {
    const changes = [
      change('p/src/x.ts', 'one\nif', '1\nif'),
      change('p/src/x.ts', 'console.log(x)', ';'),
      change('p/src/x.ts', 'log(x)', ''),
    ]
    expect([...findRefused(changes, root)]).toEqual([])
  })
})

describe('the plan of a mutation run', () => {
  const coverage: Coverage = {
    outside: { '/b.test.ts': ['constant'], '/c.test.ts': ['constant', 'both'] },
    tests: { '/a.test.ts > one': ['1', 'both'], '/a.test.ts > two': ['2'], '/b.test.ts > three': ['1'] },
    hits: {},
    tookMs: {},
    failed: [],
  }

  const sourceOf = (id: string) => (id === '2' ? 'y.ts' : 'x.ts')

  test('shows a change to the tests that run its code, and leaves out a change that no test runs', () => {
    expect(planReplay(['1', '2', 'nowhere'], coverage, 'closest', sourceOf)).toEqual({
      '/a.test.ts > one': ['1'],
      '/a.test.ts > two': ['2'],
      '/b.test.ts > three': ['1'],
    })
  })

  test('shows a change first to the dozen tests that run most of its source and least else, and then to others, for three seconds or to all', () => {
    const ids = (source: string, count: number) => Array.from({ length: count }, (_, i) => `${source} ${i}`)
    const about = Object.fromEntries(ids('/a.test.ts > about', 12).map((test) => [test, ids('x', 20)]))
    const makes = { '/a.test.ts > only makes it': ['x 0', 'y 0'] }
    const whole = Object.fromEntries(
      ids('/a.test.ts > whole', 150).map((test) => [test, [...ids('x', 20), ...ids('y', 500)]]),
    )
    const show = (which: 'closest' | 'others' | 'all others') => {
      const tests = { ...makes, ...whole, ...about }
      const tookMs = Object.fromEntries(Object.keys(whole).map((test) => [test, 75]))
      return Object.keys(planReplay(['x 0'], { ...coverage, tests, tookMs }, which, (id) => id.split(' ')[0]))
    }
    expect(show('closest')).toEqual(Object.keys(about))
    expect(show('others')).toEqual(Object.keys(whole).slice(0, 40))
    expect(show('all others')).toHaveLength(1 + Object.keys(whole).length)
  })

  test('runs files of quick tests first', () => {
    const tookMs = { '/a.test.ts > one': 1, '/a.test.ts > two': 9, '/b.test.ts > three': 2 }
    const plan = planReplay(['1', '2'], { ...coverage, tookMs }, 'closest', sourceOf)
    expect(Object.keys(plan)).toEqual(['/b.test.ts > three', '/a.test.ts > one', '/a.test.ts > two'])
  })

  test('shows a change of what runs outside of tests to the file that ran it, and to those that run most of the same source', () => {
    expect(planImport(['constant', 'both', '2'], coverage, sourceOf)).toEqual({
      constant: ['/b.test.ts', '/a.test.ts'],
      both: ['/c.test.ts', '/a.test.ts', '/b.test.ts'],
    })
    const many = Array.from({ length: 20 }, (_, i) => `/${i}.test.ts > a`)
    const tests = Object.fromEntries([...many, '/19.test.ts > b'].map((test) => [test, ['1']]))
    const files = planImport(['constant'], { ...coverage, tests }, sourceOf).constant
    expect(files).toHaveLength(4)
    expect(files?.slice(0, 2)).toEqual(['/b.test.ts', '/19.test.ts'])
  })

  test('takes what only runs at import out of the test that was the first to import it', () => {
    const { tests, outside } = moveOutside(coverage, (id) => id === '2')
    expect(tests['/a.test.ts > two']).toEqual([])
    expect(outside).toEqual({ ...coverage.outside, '/a.test.ts': ['2'] })
  })

  test('tries in another process what a process that ended too early has not tried', () => {
    const tests = { one: ['1', '2', '3'], two: ['1'], three: ['2'], four: ['3'] }
    const replayed: Replayed = {
      outcomes: { 1: 'noticed', 3: 'survived' },
      failed: [],
      finished: ['four'],
      last: null,
      left: { three: ['5'] },
      isDone: false,
    }
    expect(planRest(tests, replayed)).toEqual({ one: ['2', '3'], three: ['5'] })
  })
})

test('a test may take longer with a change the longer the tests of its file take without, and never more than 15 s', () => {
  const tookMs = { '/a.test.ts > one': 100, '/a.test.ts > two': 1_000, '/b.test.ts > three': 6_000 }
  const timeoutsMs = planTimeouts({ outside: {}, tests: {}, hits: {}, failed: [], tookMs })
  expect(timeoutsMs).toEqual({ '/a.test.ts': 6_000, '/b.test.ts': 15_000 })
})

describe('the progress of a mutation run', () => {
  test('says how many changes were tried, what became of them, and how long the others may take', () => {
    let nowMs = 0
    const progressOf = createProgress(10, () => nowMs)
    nowMs = 120_000
    expect(progressOf({ a: 'noticed', b: 'survived' })).toBe(
      '2 of 10 changes tried: 1 noticed, 1 survived, about 8 min left',
    )
  })

  test('says nothing about the time before the first change was tried', () => {
    expect(createProgress(10)({})).toBe('0 of 10 changes tried: 0 noticed, 0 survived')
  })
})

test('the tests of a source are those of its room, and those with its name', () => {
  const tests = [
    'p/test/plugin.test.ts',
    'p/test/sessions/a.test.ts',
    'p/test/http/token.test.ts',
    'q/test/token.test.ts',
  ]
  expect(testsOf('p/src/sessions/token.ts', tests)).toEqual(['p/test/sessions/a.test.ts', 'p/test/http/token.test.ts'])
  expect(testsOf('p/src/weapp-auth.ts', tests)).toEqual(['p/test/plugin.test.ts'])
  expect(testsOf('p/src/users/users.ts', tests)).toEqual([])
})

describe('words that a mutation run leaves as they are', () => {
  const text = (value: string) => ({ type: 'StringLiteral', value })
  const inside = (node: NodePath['node'], ...parents: NodePath['node'][]): NodePath => {
    const [parent, ...others] = parents
    return { node, parentPath: parent ? inside(parent, ...others) : null }
  }
  const error = { type: 'NewExpression', callee: { type: 'Identifier', name: 'ApiError' } }
  const warn = {
    type: 'CallExpression',
    callee: {
      type: 'MemberExpression',
      object: { type: 'Identifier', name: 'log' },
      property: { type: 'Identifier', name: 'warn' },
    },
  }

  test.each([
    ['the message of an error', inside(text('not found'), error)],
    ['a part of it', inside(text('not found'), { type: 'BinaryExpression' }, error)],
    ['a line of the log', inside(text('signed in'), warn)],
    [
      'a text in two languages',
      inside(text('must be set'), { type: 'CallExpression', callee: { type: 'Identifier', name: 'say' } }),
    ],
    [
      'its half in Chinese',
      inside(text('必须设置'), { type: 'CallExpression', callee: { type: 'Identifier', name: 'say' } }),
    ],
    [
      'the description of a field of an API',
      inside(text('The id of the user.'), {
        type: 'ObjectProperty',
        key: { type: 'Identifier', name: 'description' },
      }),
    ],
  ])('are %s', (_, path) => expect(whyIgnored(path)).toBeDefined())

  test.each([
    ['the code of an error', inside(text('not_found'), error)],
    [
      'a text for another program',
      inside(text('SELECT 1'), { type: 'CallExpression', callee: { type: 'Identifier', name: 'query' } }),
    ],
    [
      'what an error gets beside its message',
      inside(text('for the phone'), { type: 'ObjectProperty' }, { type: 'ObjectExpression' }, error),
    ],
  ])('are not %s', (_, path) => expect(whyIgnored(path)).toBeUndefined())
})

test('what runs at import is in no function, and in no field of the objects of a class', () => {
  const inside = (...parents: NodePath['node'][]): NodePath | null => {
    const [node, ...others] = parents
    return node ? { node, parentPath: inside(...others) } : null
  }
  const runs = (...parents: NodePath['node'][]) =>
    runsAtImport({ node: { type: 'NumericLiteral' }, parentPath: inside(...parents, { type: 'Program' }) })
  expect(runs({ type: 'ObjectProperty' })).toBe(true)
  expect(runs({ type: 'ClassProperty', static: true })).toBe(true)
  expect(runs({ type: 'ArrowFunctionExpression' })).toBe(false)
  expect(runs({ type: 'BlockStatement' }, { type: 'ClassMethod' })).toBe(false)
  expect(runs({ type: 'ClassPrivateProperty', static: false })).toBe(false)
})

describe('changes of what a store asks its database', () => {
  /** `q.where('id')`, where every name and text stands as it does in the source. */
  const where = {
    type: 'CallExpression',
    start: 0,
    end: 13,
    callee: {
      type: 'MemberExpression',
      object: { type: 'Identifier', name: 'q' },
      property: { type: 'Identifier', name: 'where', start: 2 },
    },
    arguments: [{ type: 'StringLiteral', value: 'id' }],
  }
  const apply = (text: string) =>
    editsOfScript(text).map(({ start, end, by }) => text.slice(0, start) + by + text.slice(end))

  test('a query loses a clause', () => {
    expect(changesOf(where)).toEqual([{ start: 2, end: 13, by: '', replacement: where.callee.object }])
    const { callee } = where
    const other = { ...where, callee: { ...callee, property: { type: 'Identifier', name: 'select', start: 2 } } }
    expect(changesOf(other)).toEqual([])
  })

  test('a command of Redis loses an option, with what belongs to it', () => {
    const texts = ['key', 'PX', 'ttl', 'NX']
    const call = {
      type: 'CallExpression',
      arguments: texts.map((value, i) => ({ type: 'StringLiteral', value, start: 10 * i, end: 10 * i + 5 })),
    }
    const changes = changesOf(call).map(({ start, end, replacement }) => ({
      start,
      end,
      left: replacement.arguments?.map(({ value }) => value),
    }))
    expect(changes).toEqual([
      { start: 10, end: 25, left: ['key', 'NX'] },
      { start: 30, end: 35, left: ['key', 'PX', 'ttl'] },
    ])
  })

  test('a condition of a script is always true, or never', () => {
    expect(apply('if a == 1 then return 0 end')).toEqual(['if true then return 0 end', 'if false then return 0 end'])
  })

  test('a script compares, and joins conditions, in another way', () => {
    expect(apply('return a <= b and c or d')).toEqual([
      'return a < b and c or d',
      'return a <= b or c or d',
      'return a <= b and c and d',
    ])
  })

  test('a script loses a statement, or an option of its command', () => {
    expect(apply("local a = f(1)\ndo redis.call('SET', k, f(v), 'NX', 'PX', ARGV[2]) end\n  add(\n  1)")).toEqual([
      "local a = f(1)\ndo redis.call('SET', k, f(v), 'PX', ARGV[2]) end\n  add(\n  1)",
      "local a = f(1)\ndo redis.call('SET', k, f(v), 'NX') end\n  add(\n  1)",
      'local a = f(1)\ndo  end\n  add(\n  1)',
      "local a = f(1)\ndo redis.call('SET', k, f(v), 'NX', 'PX', ARGV[2]) end\n  ",
    ])
    expect(apply("add('")).toEqual([])
  })

  test('a condition of written SQL is always true, and takes the parameters that it took', () => {
    const value = 'UPDATE t SET a = ? WHERE id = ? AND b IS NULL RETURNING *'
    const changes = changesOf({ type: 'StringLiteral', value, start: 100 })
    expect(changes.map(({ replacement }) => replacement.value)).toEqual([
      'UPDATE t SET a = ? WHERE (id = ? or 1 = 1) AND b IS NULL RETURNING *',
      'UPDATE t SET a = ? WHERE id = ? AND (b IS NULL or 1 = 1) RETURNING *',
    ])
    expect(changes[0]).toMatchObject({ start: 126, end: 132, by: '(id = ? or 1 = 1)' })
    expect(changesOf({ type: 'StringLiteral', value: 'where a = b', start: 0 })).toEqual([])
  })

  test('only a text that is a script is changed as one, in each of its parts', () => {
    const quasi = (raw: string, start: number) => ({ type: 'TemplateElement', value: { raw }, start })
    const template = (...parts: string[]) => ({
      type: 'TemplateLiteral',
      quasis: parts.map((raw, i) => quasi(raw, 100 * i)),
    })
    expect(changesOf(template('this and that'))).toEqual([])
    expect(changesOf(template("redis.call('GET', ", ') or 1'))).toMatchObject([
      { start: 102, end: 104, by: 'and', replacement: template("redis.call('GET', ", ') and 1') },
    ])
  })

  test('the mutator tells the place of each change', () => {
    const mutator = createQueryMutator()
    const names = [where, where].flatMap((node) => [...mutator.mutate({ node })].map(() => mutator.name))
    expect(new Set(names).size).toBe(2)
    for (const name of names) expect(mutator.findEdit(name)).toEqual({ start: 2, end: 13, by: '' })
    expect(mutator.findEdit('StringLiteral')).toBeUndefined()
  })
})
