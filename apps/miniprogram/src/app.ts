import { auth } from './auth'
import { FIRST_SIGN_IN } from './config'

App({
  onLaunch() {
    // Nobody waits here: pages load at once, and their requests wait for the login by themselves.
    auth.ensureLogin().catch((error) => {
      if (FIRST_SIGN_IN === 'tap' && error.code === 'logged_out') wx.navigateTo({ url: '/pages/login/login' })
      else console.warn('not signed in yet', error.code)
    })
  },
})
