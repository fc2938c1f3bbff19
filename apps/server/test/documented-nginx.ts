import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { startNginx } from '@weapp-auth/test-servers'
import { onTestFinished } from 'vitest'

const CONFIGURATION = join(import.meta.dirname, '../../../docs/deploy/nginx.conf')

/**
 * nginx with the configuration that the documents ship, in front of the service and a backend. Only addresses and paths
 * are replaced. This process trusts its certificate.
 *
 * @param o `change` edits the configuration as another document says
 */
export async function startDocumentedNginx(o: {
  service: string
  backend: string
  change?: (configuration: string) => string
}) {
  const { change = (configuration) => configuration } = o
  const nginx = await startNginx('https', ({ folder, port }) => {
    makeCertificate(folder)
    return replaceEach(change(readFileSync(CONFIGURATION, 'utf8')), [
      ['127.0.0.1:3000', new URL(o.service).host],
      ['127.0.0.1:8080', new URL(o.backend).host],
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['/etc/nginx/tls/', `${folder}/`],
      ['/var/log/nginx/', `${folder}/`],
    ])
  })
  onTestFinished(() => nginx.stop())
  setDefaultCACertificates([...getCACertificates(), readFileSync(join(nginx.folder, 'fullchain.pem'), 'utf8')])
  const readLog = (name: 'access.log' | 'error.log') => readFileSync(join(nginx.folder, name), 'utf8')
  return { ...nginx, readLog }
}

function makeCertificate(folder: string): void {
  const [key, certificate] = ['privkey.pem', 'fullchain.pem'].map((name) => join(folder, name)) as [string, string]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const subject = ['-subj', '/CN=api.example.com', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
}

/** A text that is not there any more would leave the test with somebody else's address. */
export function replaceEach(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((replaced, [from, to]) => {
    if (!replaced.includes(from)) throw new Error(`the documents no longer say ${from}`)
    return replaced.replaceAll(from, to)
  }, text)
}
