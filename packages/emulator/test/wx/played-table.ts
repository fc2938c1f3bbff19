import type { ApiRoute } from '../../src/http/api-call.ts'
import { PLAIN, UNSEEN } from '../../src/wx/not-played.ts'
import { TYPED_NAMES } from '../../src/wx/typed-names.ts'

export interface Coverage {
  version: string
  /** Whether the app's `wx.canIUse` answers yes to a name. */
  isPlayed: (name: string) => boolean
  routes: readonly ApiRoute[]
  openTypes: readonly string[]
}

/** What the table says around the names; `%d` is a number, `%s` the version of the typings. */
interface Words {
  title: string
  twin: string
  intro: string
  head: [string, string]
  groups: [played: string, unseen: string, answered: string, listeners: string, objects: string, values: string]
  unknown: string
  http: string
  httpIntro: string
  httpHead: [string, string]
  buttons: string
}

const ENGLISH: Words = {
  title: 'What is played, what is recorded, what is unknown',
  twin: '[中文](played.zh-CN.md)',
  intro:
    'Made from the code and from the official typings (miniprogram-api-typings %s) by a test, which fails when they change. Of the %d functions of `wx` in these typings, %d are played.',
  head: ['what happens', 'functions'],
  groups: [
    'Played as documented',
    'Succeed and change nothing that can be seen; recorded as `wx.notPlayed`',
    'Fail with "not played" and are recorded, unless the test answers: `device.answers.set(name, result)`',
    'Take a listener and never call it; recorded',
    'Answer with an object on which every method exists and is recorded',
    'Answer `{}` at once; recorded',
  ],
  unknown:
    'What is in no typings is unknown: it is `undefined`, as on a phone with an older base library. `wx.cloud` can be initialised, and each of its calls fails and is recorded. `wx.canIUse` answers yes to the first row, and to what the test answers.',
  http: "WeChat's HTTP side",
  httpIntro: 'Every other address is answered with errcode 40066 and recorded as `unknown`.',
  httpHead: ['call', 'name for faults and in the ledger'],
  buttons: 'Of a `<button>`, these values of `open-type` do something: %s. The others are taps.',
}

const CHINESE: Words = {
  title: '哪些是模拟的，哪些只做记录，哪些不认识',
  twin: '[English](played.md)',
  intro:
    '由测试根据代码和官方类型声明（miniprogram-api-typings %s）生成，两者变化时测试会失败。类型声明里 `wx` 有 %d 个函数，其中 %d 个是模拟的。',
  head: ['会发生什么', '函数'],
  groups: [
    '按文档模拟',
    '成功返回，但看不出变化；记为 `wx.notPlayed`',
    '失败并提示 “not played”，同时记录；测试也可以给出答案：`device.answers.set(name, result)`',
    '接受监听函数，但从不调用；会记录',
    '返回一个对象，任何方法都存在，调用会记录',
    '立即返回 `{}`；会记录',
  ],
  unknown:
    '类型声明里没有的就是不认识的：值为 `undefined`，和基础库较旧的手机一样。`wx.cloud` 可以初始化，但每次调用都会失败并记录。`wx.canIUse` 只对第一行、以及测试给出答案的函数返回 true。',
  http: '微信的服务端接口',
  httpIntro: '其他地址一律返回 errcode 40066，并记为 `unknown`。',
  httpHead: ['接口', '在故障和流水账里的名字'],
  buttons: '`<button>` 的 `open-type` 中，这些值有作用：%s。其余的只是点击。',
}

/** The page `docs/played.md` and its Chinese twin. */
export function renderPlayed(coverage: Coverage, language: 'en' | 'zh'): string {
  const words = language === 'en' ? ENGLISH : CHINESE
  const { version, isPlayed, routes, openTypes } = coverage
  const all = Object.values(TYPED_NAMES).flat().sort()
  const played = all.filter(isPlayed)
  const unseen = (name: string) => UNSEEN.has(name) || name in PLAIN
  const rest = (names: readonly string[]) => names.filter((name) => !isPlayed(name) && !unseen(name))
  const groups = [
    played,
    all.filter((name) => !isPlayed(name) && unseen(name)),
    rest(TYPED_NAMES.callbacks),
    rest(TYPED_NAMES.listener),
    rest(TYPED_NAMES.object),
    rest(TYPED_NAMES.sync),
  ]
  const rows = groups.map(
    (names, index) => `| ${words.groups[index]} (${names.length}) | ${names.map(code).join(' ')} |`,
  )
  const counts = [String(all.length), String(played.length)]
  return `# ${words.title}

${words.twin}

${words.intro.replace('%s', version).replaceAll('%d', () => counts.shift() ?? '')}

## wx

| ${words.head.join(' | ')} |
| --- | --- |
${rows.join('\n')}

${words.unknown}

${words.buttons.replace('%s', openTypes.map(code).join(' '))}

## ${words.http}

| ${words.httpHead.join(' | ')} |
| --- | --- |
${routes.map(({ method, path, point }) => `| \`${method} ${path}\` | \`${point}\` |`).join('\n')}

${words.httpIntro}
`
}

function code(name: string): string {
  return `\`${name}\``
}
