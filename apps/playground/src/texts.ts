import type { Text } from './text.ts'
import type { Lifeline } from './timeline/row.ts'

/** The words of the page itself; those of rows, controls and stories stand with them. */
export const TEXTS = {
  title: { zh: '小程序登录，看得见', en: 'Mini-program sign-in, made visible' },
  scenario: { zh: '剧本', en: 'Story' },
  toStart: { zh: '从头开始', en: 'From the beginning' },
  back: { zh: '上一步', en: 'One step back' },
  play: { zh: '播放', en: 'Play' },
  playAgain: { zh: '再播一遍', en: 'Play again' },
  pause: { zh: '暂停', en: 'Pause' },
  forward: { zh: '下一步', en: 'Next step' },
  toEnd: { zh: '播到最后', en: 'To the end' },
  speed: { zh: '速度', en: 'Speed' },
  stepOf: { zh: '第 {n} 步，共 {m} 步', en: 'Step {n} of {m}' },
  nextStory: { zh: '接着看：{title}', en: 'Next: {title}' },
  code: { zh: '谁的代码', en: 'Whose code' },
  ours: { zh: '我们的 SDK', en: 'Our SDK' },
  theirs: { zh: '和教程里的写法比', en: 'Beside the tutorial’s code' },
  notCompared: {
    zh: '教程里没有处理这件事的代码，所以这个剧本没有对比',
    en: 'Tutorials have no code for this, so that there is nothing to compare',
  },
  theirsShort: { zh: '教程里的写法', en: 'The tutorial’s code' },
  scheme: { zh: '浅色或深色', en: 'Light or dark' },
  language: { zh: '语言', en: 'Language' },
  tryIt: { zh: '试一试', en: 'Try it' },
  phone: { zh: '手机 {name}', en: 'Phone {name}' },
  openPage: { zh: '小程序', en: 'The mini-program' },
  backArrow: { zh: '返回', en: 'Back' },
  newest: { zh: '最新', en: 'Newest' },
  diagram: { zh: '发生了什么，一行一件事', en: 'What happens, a line for each thing' },
  details: { zh: '这一行是什么', en: 'What this line is' },
  questions: { zh: '常见问题', en: 'Questions' },
  chooseRow: { zh: '点一行，看看它是什么。', en: 'Choose a line to see what it is.' },
  source: { zh: '源码', en: 'Source' },
  wechatDocs: { zh: '微信文档', en: 'WeChat’s page (Chinese)' },
  copyTest: { zh: '复制为测试', en: 'Copy as a test' },
  copyMermaid: { zh: '导出 mermaid', en: 'Export as mermaid' },
  copyLink: { zh: '复制链接', en: 'Copy the link' },
  copied: { zh: '已复制', en: 'Copied' },
  request: { zh: '请求', en: 'Request' },
  answer: { zh: '回答', en: 'Answer' },
  noAnswer: { zh: '还没有回答', en: 'No answer yet' },
  holdings: { zh: '谁手里有什么', en: 'Who holds what' },
  holdingsHint: {
    zh: '指着一样东西，看它在哪里、绝不去哪里',
    en: 'Point at a thing to see where it lives and where it never goes',
  },
  holdingsThen: {
    zh: '到选中的那一行为止；再点一次那一行，回到现在',
    en: 'Until the chosen line; click that line again for now',
  },
  nothing: { zh: '什么都没有', en: 'nothing' },
  livesIn: { zh: '在这里', en: 'Lives here' },
  neverGoes: { zh: '绝不去', en: 'Never goes to' },
  isOn: { zh: '关掉：{name}', en: 'Switch off: {name}' },
  controls: { zh: '试一试', en: 'Try it' },
  close: { zh: '关闭', en: 'Close' },
  times: { zh: '{text}（{n} 次）', en: '{text} ({n} times)' },
  andMore: { zh: '{text}（另有 {n} 次查询）', en: '{text} (and {n} more)' },
  waiting: { zh: '等待中', en: 'waiting' },
  recordedTitle: { zh: '这是录像', en: 'This is a recording' },
  recorded: {
    zh: '每个剧本都是从真实的服务和真实的小程序录下来的，时间也是当时的；微信由模拟器扮演。想自己动手，让 Redis 挂掉、让 session_key 失效：把仓库克隆下来，运行',
    en: 'Every story was recorded from the real service and the real mini-program, with the times of then; WeChat is played by an emulator. To try things yourself, to stop Redis or to expire the session_key: clone the repository and run',
  },
  withCurl: { zh: '用 curl 试', en: 'With curl' },
  counters: { zh: '计数', en: 'Counts' },
  logins: { zh: 'wx.login', en: 'wx.login' },
  codes: { zh: '花掉的 code', en: 'codes spent' },
  wasted: { zh: '白丢的会话', en: 'good sessions lost' },
  failed: { zh: '失败的请求', en: 'failed requests' },
  pending: { zh: '还挂着的', en: 'still pending' },
  broken: { zh: '这一步没有完成：', en: 'This step did not work: ' },
  notLoaded: { zh: '页面没有载入：', en: 'The page did not load: ' },
} satisfies Record<string, Text>

export const LIFELINE_NAMES: Record<Lifeline, Text> = {
  phone: { zh: '手机', en: 'Phone' },
  service: { zh: '你的服务', en: 'Your server' },
  wechat: { zh: '微信', en: 'WeChat' },
  stores: { zh: '存储', en: 'Stores' },
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}
