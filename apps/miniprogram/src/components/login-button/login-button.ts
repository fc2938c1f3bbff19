import { isAuthError } from '@weapp-auth/client'
import { auth } from '../../auth'
import { explain } from '../../explain'

/** One tap: wx.login, the service, the token kept. Tells the page with a `login` event. */
Component({
  data: { loading: false, message: '' },
  methods: {
    async login() {
      if (this.data.loading) return
      this.setData({ loading: true, message: '' })
      try {
        const { user } = await auth.ensureLogin({ force: true })
        this.setData({ loading: false })
        this.triggerEvent('login', { user })
      } catch (error) {
        this.setData({ loading: false, message: explain(isAuthError(error) ? error.code : '') })
      }
    },
  },
})
