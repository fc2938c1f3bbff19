/** The names and addresses by which a machine reaches itself and nobody else reaches it. */
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/
