import { auth } from '../../auth'
import { explain, explainLogout, explainNoPhoneCode, type Status, stateOf, UNAVAILABLE } from '../../explain'

/** The phone number of the user: proved by a tap, shown without its middle, and taken back. */
Page({
  data: {
    status: 'loading' as Status,
    message: '',
    /** `138****8000`, all that the phone learns of it; empty: there is none. */
    phoneMasked: '',
    busy: false,
    notice: '',
  },

  stopListening: () => {},

  onLoad() {
    this.stopListening = auth.on('logout', ({ reason }) => {
      this.setData({ status: 'signed-out', message: explainLogout(reason) })
    })
    return this.load()
  },

  /** Somebody may have signed in on another page. */
  onShow() {
    if (this.data.status === 'signed-out' && auth.getSession()) this.load()
  },

  onUnload() {
    this.stopListening()
  },

  async load() {
    try {
      const { statusCode, data } = await auth.request<{ phoneMasked?: string }>({ url: '/v1/me' })
      if (statusCode !== 200) return this.setData({ status: 'error', message: UNAVAILABLE })
      this.setData({ status: 'ready', phoneMasked: data.phoneMasked || '' })
    } catch (error) {
      const { status, message } = stateOf(error)
      // The reason of the sign-out, if there was one, is on the screen already.
      if (status === 'signed-out') this.setData({ status })
      else this.setData({ status, message })
    }
  },

  /** WeChat asks the user and gives a code; the service asks WeChat for the number behind it. */
  bind({ detail }: WechatMiniprogram.ButtonGetPhoneNumber) {
    const { code } = detail
    if (!code) return this.setData({ notice: explainNoPhoneCode(detail) })
    return this.change(async () => {
      const { phoneMasked } = await auth.bindPhone(code)
      return { phoneMasked, notice: '已绑定' }
    })
  },

  unbind() {
    return this.change(async () => {
      const { statusCode } = await auth.request({ url: '/v1/me/phone', method: 'DELETE' })
      if (statusCode !== 204) return { notice: UNAVAILABLE }
      return { phoneMasked: '', notice: '已解除绑定' }
    })
  },

  async change(send: () => Promise<{ phoneMasked?: string; notice: string }>) {
    this.setData({ busy: true, notice: '' })
    try {
      const changed = await send()
      this.setData(changed)
      // The page that opened this one shows the number too.
      this.getOpenerEventChannel().emit?.('phone', { phoneMasked: this.data.phoneMasked })
    } catch (error) {
      this.setData({ notice: explain(error) })
    }
    this.setData({ busy: false })
  },
})
