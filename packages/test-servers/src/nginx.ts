import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type OwnServer, ownServer } from './server.ts'

export interface NginxPlace {
  /** A folder of this server's own, for its files and logs. */
  folder: string
  /** A free port of 127.0.0.1. */
  port: number
}

/** nginx with one site, which `writeSite` answers as the text of a file in `conf.d`. */
export async function startNginx(
  scheme: 'http' | 'https',
  writeSite: (place: NginxPlace) => string,
): Promise<OwnServer & NginxPlace> {
  const program = findProgram(['nginx'], ['/usr/sbin']) ?? unpackProgram(['nginx'], 'nginx', 'usr/sbin')
  const temp = makeTempFolder('nginx')
  const place = { folder: temp.path, port: await findFreePort() }
  writeFileSync(join(temp.path, 'site.conf'), writeSite(place))
  writeFileSync(join(temp.path, 'nginx.conf'), mainConfiguration(temp.path))
  const server = await ownServer({
    url: `${scheme}://127.0.0.1:${place.port}`,
    program,
    args: ['-p', temp.path, '-c', join(temp.path, 'nginx.conf')],
    readyText: 'start worker process',
    stopSignal: 'SIGTERM',
    user: undefined,
    folder: temp,
  })
  return { ...server, ...place }
}

/** What Debian's own nginx.conf does around a site, without its paths. */
function mainConfiguration(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  types { application/json json; text/html html; }
  default_type application/octet-stream;
  ${temporary.join('\n  ')}
  include ${folder}/site.conf;
}
`
}
