import { createAuth } from '@weapp-auth/client'

const auth = createAuth({ baseUrl: 'https://api.example.com' })

// In App.onLaunch.
export function login() {
  return auth.ensureLogin()
}

export function get(path) {
  return auth.request({ url: path }).then(({ data }) => data)
}
