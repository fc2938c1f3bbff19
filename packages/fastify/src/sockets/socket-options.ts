/** The option `sockets` of the plugin. */
export interface SocketOptions {
  /**
   * How often a socket is pinged, in milliseconds. One that leaves two pings unanswered is closed. Default 30 000; a proxy that
   * ends idle connections must wait longer.
   */
  pingIntervalMs?: number
  /**
   * What may wait in memory for one socket, in bytes. A phone that reads more slowly than it is sent to is disconnected.
   * Default 1 048 576.
   */
  maxBufferedBytes?: number
  /** The largest message, from a phone or by `push`, in bytes. Default 65 536. */
  maxMessageBytes?: number
}
