import { auth } from './auth'

App({
  onLaunch() {
    // Nobody waits here: pages load at once, and their requests wait for the login by themselves.
    auth.ensureLogin().catch((error) => console.warn('not signed in yet', error.code))
  },
})
