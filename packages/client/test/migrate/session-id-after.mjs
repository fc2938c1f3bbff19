import { createAuth } from '@weapp-auth/client'

const BASE_URL = 'https://api.example.com'

// The other routes go on reading the header they know.
const auth = createAuth({ baseUrl: BASE_URL, header: (token) => ({ sessionid: token }) })

export function call(path, callback) {
  auth.request({ url: path, success: ({ data }) => callback(data) })
}
