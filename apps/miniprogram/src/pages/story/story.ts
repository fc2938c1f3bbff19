import { auth } from '../../auth'
import { type Status, stateOf, UNAVAILABLE } from '../../explain'

/** A page for everybody: it greets those who are signed in, and asks nobody to be. */
Page({
  data: {
    status: 'loading' as Status,
    message: '',
    greeting: '',
    paragraphs: [] as string[],
  },

  onLoad() {
    return this.load()
  },

  onShow() {
    this.greet()
  },

  greet() {
    const user = auth.getSession()?.user
    this.setData({ greeting: user ? `${user.profile.nickname || '你好'}，欢迎回来` : '欢迎光临' })
  },

  /** `optional`: with the token where there is one, and without it for those who are signed out. */
  async load() {
    try {
      const { statusCode, data } = await auth.request<{ paragraphs: string[] }>({ url: '/story', auth: 'optional' })
      if (statusCode === 200) this.setData({ status: 'ready', paragraphs: data.paragraphs })
      else this.setData({ status: 'error', message: UNAVAILABLE })
      this.greet()
    } catch (error) {
      this.setData(stateOf(error))
    }
  },
})
