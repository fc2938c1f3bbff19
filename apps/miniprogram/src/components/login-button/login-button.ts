import { auth } from '../../auth'
import { explain, explainNoPhoneCode } from '../../explain'

/** One tap: wx.login, the service, the token kept. Tells the page with a `login` event. */
Component({
  properties: {
    /** Offers to prove the phone number in the same tap. */
    withPhone: Boolean,
    /** Something has to be agreed to first. */
    disabled: Boolean,
  },
  data: {
    /** Which of the buttons was tapped, while its sign-in is under way. */
    underway: '' as '' | 'wechat' | 'phone',
    message: '',
  },
  methods: {
    login() {
      return this.signIn('wechat', { force: true })
    },

    /** The code of the number works once, whatever comes of it: another try is another tap. */
    loginWithPhone({ detail }: WechatMiniprogram.ButtonGetPhoneNumber) {
      const { code: phoneCode } = detail
      if (!phoneCode) return this.setData({ message: explainNoPhoneCode(detail) })
      return this.signIn('phone', { phoneCode })
    },

    async signIn(underway: 'wechat' | 'phone', how: { force: true } | { phoneCode: string }) {
      if (this.data.underway) return
      this.setData({ underway, message: '' })
      try {
        const { user } = await auth.ensureLogin(how)
        this.setData({ underway: '' })
        this.triggerEvent('login', { user })
      } catch (error) {
        this.setData({ underway: '', message: explain(error) })
      }
    },
  },
})
