import { describe, expect, it } from 'vitest'
import { parseFields } from '../../src/push/fields.ts'

const fieldsOf = (text: string) => {
  const fields = parseFields(text)
  return fields && Object.fromEntries(fields)
}

describe('a message of WeChat', () => {
  it('a message has the same fields in both formats', () => {
    const xml = `<xml>
      <ToUserName><![CDATA[gh_870882ca4b1]]></ToUserName>
      <CreateTime>1626857200</CreateTime>
      <Event><![CDATA[user_authorization_revoke]]></Event>
    </xml>`
    const json = '{ "ToUserName": "gh_870882ca4b1", "CreateTime": 1626857200, "Event": "user_authorization_revoke" }'
    expect(fieldsOf(xml)).toEqual(fieldsOf(json))
    expect(fieldsOf(xml)).toEqual({
      ToUserName: 'gh_870882ca4b1',
      CreateTime: '1626857200',
      Event: 'user_authorization_revoke',
    })
  })

  it('a message may have spaces around the names of its fields, as on the page of account events', () => {
    expect(fieldsOf('{ " OpenID": "o1" }')).toEqual({ OpenID: 'o1' })
  })

  it('text and numbers of a message are its fields, and what is nested is left out', () => {
    expect(fieldsOf('{ "A": "1", "B": [1], "C": { "Event": "x" }, "D": null, "E": true }')).toEqual({ A: '1' })
    expect(fieldsOf('<xml><A>1</A><C><Event>x</Event></C></xml>')).toEqual({ A: '1' })
  })

  it('a message in XML may have white space before and after it', () => {
    expect(fieldsOf('\n <xml><A>1</A></xml>\n ')).toEqual({ A: '1' })
  })

  it('markup inside CDATA is kept, and entities outside of it are read', () => {
    expect(fieldsOf('<xml><A><![CDATA[<b>&amp;</b>]]></A><B>&lt;&amp;&#20320;</B></xml>')).toEqual({
      A: '<b>&amp;</b>',
      B: '<&你',
    })
  })

  it.each([
    ['nothing', ''],
    ['a text', 'success'],
    ['a list', '[1]'],
    ['a number', '1'],
    ['null', 'null'],
    ['broken JSON', '{"A":'],
    ['an XML element that is not closed', '<xml><A>1</xml>'],
    ['an unknown entity', '<xml><A>&file;</A></xml>'],
    ['a document type', '<!DOCTYPE xml><xml><A>1</A></xml>'],
    ['an entity of its own', '<!DOCTYPE xml [<!ENTITY a "1">]><xml><A>&a;</A></xml>'],
    ['an external entity', '<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><A>&a;</A></xml>'],
  ])('a message cannot be read from %s', (_name, text) => {
    expect(parseFields(text)).toBeNull()
  })

  it('a message that is an entity bomb or deeply nested costs no more than its length', () => {
    const entities = Array.from({ length: 30 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`)
    const bomb = `<!DOCTYPE xml [<!ENTITY e0 "x">${entities.join('')}]><xml><A>&e30;</A></xml>`
    expect(parseFields(bomb)).toBeNull()
    expect(parseFields(`<xml>${'<a>'.repeat(20_000)}`)).toBeNull()
    expect(parseFields('{"a":'.repeat(10_000))).toBeNull()
  })
})
