// Where the page's viewer goes, by its own script: the one thing in it that comes from an address that somebody may have made up.
import { expect, test } from 'vitest'
import { SCRIPT } from './page.ts'

/** The URL that the viewer is given on the page at `address`. */
function connectsTo(address: string): string {
  const location = new URL(address)
  const given: string[] = []
  class Viewer {
    constructor(_: unknown, url: string) {
      given.push(url)
    }
    addEventListener() {}
  }
  const element = { addEventListener() {} }
  const [, script = ''] = /^import RFB from '[^']+'\n(.*)$/s.exec(SCRIPT) ?? []
  // eslint-disable-next-line typescript/no-implied-eval -- it is the page's own
  new Function('RFB', 'document', 'location', script)(Viewer, { getElementById: () => element }, location)
  return given[0]!
}

test.each([
  [
    'http://conductor:6090/vnc_auto.html?path=websockify%3Fnode%3Dn%26token%3Dt',
    'ws://conductor:6090/websockify?node=n&token=t',
  ],
  ['https://proxy/site-1/vnc_auto.html?path=websockify%3Fnode%3Dn', 'wss://proxy/site-1/websockify?node=n'],
])('%s shows the screen at %s', (page, screen) => expect(connectsTo(page)).toBe(screen))

test.each([
  'wss://elsewhere/x',
  '//elsewhere/x',
  'http:/..//elsewhere/x',
  '..//elsewhere/x',
  'https://elsewhere:6090/#x',
])('an address that somebody made up shows no screen of theirs: %s', (path) => {
  const url = new URL(connectsTo(`http://conductor:6090/vnc_auto.html?path=${encodeURIComponent(path)}#y`))
  expect([url.protocol, url.host, url.hash]).toEqual(['ws:', 'conductor:6090', ''])
})
