import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildDocuments } from './documents.ts'

/**
 * Writes `openapi.json` into a folder, and beside it `docs/index.html` with all that it needs: a page that a browser opens from the
 * disk, without a server.
 */
export async function writeDocuments(folder: string): Promise<void> {
  const { document, read, close } = await buildDocuments()
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  try {
    write('openapi.json', `${JSON.stringify(document, null, 2)}\n`)
    const html = await read('')
    write('docs/index.html', html)
    for (const [, path = ''] of html.toString().matchAll(/(?:href|src)="\.\/([^"]+)"/g)) {
      write(`docs/${path}`, path === INITIALIZER ? initialize(document) : await read(path))
    }
  } finally {
    await close()
  }
}

const INITIALIZER = 'static/swagger-initializer.js'

/** A page from the disk may fetch nothing, so that the document stands in its script. */
function initialize(document: object): string {
  const options = `{ spec: ${JSON.stringify(document)}, dom_id: '#swagger-ui', validatorUrl: null, supportedSubmitMethods: [] }`
  return `window.onload = () => SwaggerUIBundle(${options})\n`
}
